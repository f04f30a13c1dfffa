//! A server's true answers, one part of one of them spoilt: a survey whose words draw nothing, or a fault in
//! words.

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::release::{survey::Exclusive, text::clean};

#[path = "../../../../../tests/it/hostile/spoilt.rs"]
mod spoilt;
use spoilt::{edited, edits};

/// A server's shell, and what it answered.
struct Recorder<'a> {
    server: &'a Server,
    answers: Mutex<Vec<Vec<u8>>>,
}

impl Shell for Recorder<'_> {
    fn run(&self, script: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        Box::pin(async move {
            let output = self.server.run(script).await?;
            self.answers.lock().unwrap().push(output.stdout.clone());
            Ok(output)
        })
    }
}

/// Answers one after the other, whatever is asked.
struct Replay(Mutex<std::vec::IntoIter<Vec<u8>>>);

impl Shell for Replay {
    fn run(&self, _: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        let stdout = self.0.lock().unwrap().next().unwrap_or_default();
        Box::pin(async move {
            Ok(ShellOutput {
                status: 0,
                stdout,
                stderr: Vec::new(),
            })
        })
    }
}

/// An answer of these parts.
fn answer(parts: &BTreeMap<String, Part>) -> Vec<u8> {
    let mut answer = b"flightdeck survey 1\n".to_vec();
    for (name, part) in parts {
        let (length, said) = (part.bytes.len(), part.complaint.len());
        let head = format!("{name} {} {length} {said}\n", part.status);
        for piece in [
            head.as_bytes(),
            &part.bytes,
            part.complaint.as_bytes(),
            b"\n",
        ] {
            answer.extend_from_slice(piece);
        }
    }
    answer
}

/// The words of a survey that people see, as they come from outside.
fn words(survey: &Survey) -> Vec<&str> {
    let mut words: Vec<&str> = survey.warnings.iter().map(String::as_str).collect();
    words.push(&survey.compose_version);
    words.push(&survey.containers.engine_version);
    words.extend(survey.schema_trouble.as_deref());
    words.extend(survey.schema_heads.iter().flatten().map(String::as_str));
    for revision in survey
        .schema_history
        .iter()
        .chain(survey.candidate_history.iter().flatten())
    {
        words.extend([revision.revision.as_str(), revision.message.as_str()]);
    }
    for container in &survey.containers.containers {
        words.extend([container.name.as_str(), container.reference.as_str()]);
    }
    for service in survey
        .services
        .values()
        .chain(survey.candidate_services.values())
    {
        words.extend([service.image.as_str(), service.config_hash.as_str()]);
        words.extend(service.container_name.as_deref());
        words.extend(
            service
                .exclusive
                .iter()
                .filter_map(|exclusive| match exclusive {
                    Exclusive::Name(word)
                    | Exclusive::HostPort(word)
                    | Exclusive::Address(word) => Some(word.as_str()),
                    Exclusive::HostNetwork | Exclusive::Lent(_) | Exclusive::Global => None,
                }),
        );
    }
    words
}

#[test]
fn a_spoilt_answer_is_a_survey_that_draws_nothing_or_a_fault_in_words() {
    let Some(server) = servers().next() else {
        return;
    };
    server.answer(
        "config",
        &json!({"services": {"backend": {
            "image": format!("{REPOSITORY}:@TAG@"), "container_name": "shop-backend",
            "ports": [{"published": "8080", "target": 80}, "127.0.0.1:9000:9000"],
            "depends_on": {"database": {}}, "deploy": {"replicas": 2},
            "healthcheck": {"start_period": "1m30s"}, "networks": {"default": {"ipv4_address": "10.1.0.4"}},
        }}})
        .to_string(),
    );
    let recorder = Recorder {
        server: &server,
        answers: Mutex::default(),
    };
    server.survey_through(&recorder, promote(2)).unwrap();
    let answers = recorder.answers.into_inner().unwrap();
    assert_eq!(answers.len(), 2);

    proptest!(|(trip in 0usize..2, which in any::<Index>(), edits in edits(), status in prop::option::of(0i32..130))| {
        let mut answers = answers.clone();
        let mut parts = frames::read(&answers[trip]).unwrap();
        let spoilt = parts.keys().nth(which.index(parts.len())).unwrap().clone();
        let part = parts.get_mut(&spoilt).unwrap();
        part.bytes = edited(&part.bytes, &edits);
        part.status = status.unwrap_or(part.status);
        answers[trip] = answer(&parts);
        match server.survey_through(&Replay(Mutex::new(answers.into_iter())), promote(2)) {
            Ok(survey) => for word in words(&survey) {
                prop_assert_eq!(clean(word), word, "in {}", spoilt);
            },
            Err(fault) => prop_assert!(!fault.subject.is_empty() && !fault.message.is_empty(), "{fault:?}"),
        }
    });
}
