//! An environment over a project of the real world, and plans for it as the room `plan` makes them.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use flightdeck::{
    config::{self, Environment, Host, PinForm, Protection, Reach, Service, Target},
    release::{
        ImageId, ImageReference, ServiceName,
        check::{Check, HttpCheck, HttpMeans},
        operation::OperationId,
        plan::{
            Attachment, Basis, FORMAT, HeadsFormat, HeadsQuery, ImageName, Intent, OnFailure,
            PinFile, Plan, PlanKind, Step,
        },
        record::{Record, Release, ServiceRelease},
    },
    target::compose::{
        pin::{dotenv, hash::Algorithm},
        render,
        script::{Nonce, Place, StartReply, read_ledger, start_reply, tail, upload},
    },
};

use super::{name, step, words};
use crate::support::{
    project::{Application, Project, version},
    real_world::{Compose, RealWorld, run},
};

fn alembic_current() -> HeadsQuery {
    HeadsQuery {
        command: words(&["alembic", "current"]),
        format: HeadsFormat::Lines,
    }
}

/// A server with one environment.
pub struct Server {
    pub world: RealWorld,
    pub compose: Compose,
    pub project: Project,
    pub application: Application,
}

/// What an operation left behind.
pub struct Ended {
    pub operation: OperationId,
    pub record: Record,
    pub output: String,
}

impl Server {
    pub fn up(world: &RealWorld, compose: Compose, application: Application) -> Self {
        let project = Project::up(world, compose, application, version::FORMER);
        Self {
            world: world.clone(),
            compose,
            project,
            application,
        }
    }

    fn repository(&self) -> String {
        let name = match self.application {
            Application::Plain => "shop-backend",
            Application::Migrating => "shop-migrating",
        };
        format!("{}/acme/{name}", self.world.registry())
    }

    fn directory(&self) -> String {
        self.project.directory().display().to_string()
    }

    fn environment(&self) -> Environment {
        Environment {
            name: "production".parse().unwrap(),
            target: Target::Compose(config::Compose {
                host: Host {
                    reach: Reach::Local,
                    docker: vec!["docker".to_owned()],
                    socket: None,
                },
                directory: self.directory(),
                files: vec!["docker-compose.yml".to_owned()],
                environment_files: vec![".env".to_owned()],
                project: self.project.name().to_owned(),
            }),
            services: vec![name("backend")],
            layers: Vec::new(),
            protection: Protection::Open,
            gates: Vec::new(),
            checks: Vec::new(),
            hooks: Vec::new(),
            migration: None,
            backup: None,
            restart: vec![name("proxy")],
            health_timeout: Duration::from_secs(60),
            stable_for: Duration::from_secs(5),
        }
    }

    fn services(&self) -> BTreeMap<ServiceName, Service> {
        let service = Service {
            name: name("backend"),
            repository: self.repository().parse().unwrap(),
            tags: Default::default(),
            strategy: Default::default(),
            pin: config::Pin::Variable {
                file: ".env".to_owned(),
                variable: "BACKEND_IMAGE_TAG".to_owned(),
                form: PinForm::Tag,
            },
        };
        BTreeMap::from([(service.name.clone(), service)])
    }

    pub fn docker(&self, arguments: &[&str]) -> String {
        run(self.world.docker(self.compose).args(arguments))
            .trim()
            .to_owned()
    }

    pub fn image_of(&self, container: &str) -> ImageId {
        self.docker(&["inspect", "--format", "{{.Image}}", container])
            .parse()
            .unwrap()
    }

    pub fn backend(&self) -> String {
        format!("{}-backend", self.project.name())
    }

    /// The version as a registry knows it.
    pub fn reference(&self, tag: &str) -> ImageReference {
        let (user, password) = self.world.registry_login();
        let repository = self.repository();
        let (_, path) = repository.split_once('/').unwrap();
        let headers = run(Command::new("curl").args([
            "-fsI",
            "-u",
            &format!("{user}:{password}"),
            "-H",
            "Accept: application/vnd.docker.distribution.manifest.v2+json",
            &format!("http://{}/v2/{path}/manifests/{tag}", self.world.registry()),
        ]));
        let digest = headers
            .lines()
            .find_map(|line| line.strip_prefix("Docker-Content-Digest: "))
            .unwrap()
            .trim();
        format!("{repository}:{tag}@{digest}").parse().unwrap()
    }

    fn pins(&self, plan: &mut Plan, candidate: &ImageReference) -> (Vec<PinFile>, Vec<PinFile>) {
        let path = self.project.directory().join(".env");
        let former = std::fs::read(&path).unwrap();
        let value = format!(
            "{}@{}",
            candidate.tag.as_ref().unwrap(),
            candidate.digest.as_ref().unwrap()
        );
        let new = dotenv::set(&former, "BACKEND_IMAGE_TAG", &value).unwrap();
        let hash = |bytes: &[u8]| Some(Algorithm::Sha256.fingerprint(bytes));
        let pin = |expected: &[u8], attachment: &str| PinFile {
            path: path.display().to_string(),
            expected: hash(expected),
            attachment: Some(attachment.to_owned()),
            summary: vec![format!("BACKEND_IMAGE_TAG={value}")],
        };
        let pins = (vec![pin(&former, "candidate")], vec![pin(&new, "former")]);
        for (name, bytes) in [("candidate", new), ("former", former)] {
            plan.attachments.push(Attachment {
                name: name.to_owned(),
                bytes: bytes.into(),
            });
        }
        pins
    }

    fn basis(&self, last: Option<OperationId>) -> Basis {
        let proxy = format!("{}-proxy", self.project.name());
        Basis {
            images: BTreeMap::from([
                (name("backend"), vec![self.image_of(&self.backend())]),
                (name("proxy"), vec![self.image_of(&proxy)]),
            ]),
            ..self.basis_of_files(last)
        }
    }

    pub fn basis_of_files(&self, last: Option<OperationId>) -> Basis {
        let files = [".env", "docker-compose.yml"].map(|file| {
            let path = self.project.directory().join(file);
            let bytes = std::fs::read(&path).unwrap();
            let hash = Algorithm::Sha256.fingerprint(&bytes);
            (path.display().to_string(), hash)
        });
        Basis {
            last_operation: last,
            files: files.into(),
            ..Basis::default()
        }
    }

    /// A promotion with all that it can have, or a rollback.
    pub fn plan(&self, kind: PlanKind, to: &ImageReference, last: Option<OperationId>) -> Plan {
        let basis = self.basis(last);
        let running = self.image_of(&self.backend());
        let release = |tag: Option<_>, digest, image_id| Release {
            services: BTreeMap::from([(
                name("backend"),
                ServiceRelease {
                    repository: self.repository().parse().unwrap(),
                    tag,
                    digest,
                    image_id,
                    revision: None,
                },
            )]),
            ..Release::default()
        };
        let mut plan = Plan {
            v: FORMAT,
            kind,
            environment: "production".parse().unwrap(),
            operator: "mira".to_owned(),
            origin: "laptop".to_owned(),
            reason: "it's \"time\"".to_owned(),
            before: release(None, None, Some(running.clone())),
            after: release(to.tag.clone(), to.digest.clone(), None),
            gates: Vec::new(),
            warnings: Vec::new(),
            forward: Vec::new(),
            back: Vec::new(),
            closing: Vec::new(),
            on_failure: OnFailure::Stay,
            schema_offers: Vec::new(),
            health_timeout: Duration::from_secs(60),
            confirm: None,
            attachments: Vec::new(),
            basis,
        };
        let (candidate, former) = self.pins(&mut plan, to);
        let files: Vec<String> = plan.basis.files.keys().cloned().collect();
        let wanted = ImageName::Reference(to.clone());
        let running = BTreeMap::from([(name("backend"), ImageName::Id(running))]);
        let expected = BTreeMap::from([(name("backend"), wanted.clone())]);
        let snapshot = |files, keep: &BTreeMap<_, _>| Intent::Snapshot {
            files,
            keep: keep.clone(),
        };
        plan.forward
            .push(looks("snapshot", snapshot(files, &running)));
        if kind == PlanKind::Promote {
            plan.on_failure = OnFailure::GoBack;
            plan.forward.push(looks(
                "pull-backend",
                Intent::Pull {
                    service: name("backend"),
                    reference: to.clone(),
                },
            ));
        }
        plan.forward.push(looks(
            "keep-backend",
            Intent::Keep {
                service: name("backend"),
                image: wanted.clone(),
            },
        ));
        if let Application::Migrating = self.application {
            plan.forward.push(looks(
                "schema",
                Intent::KnowsSchema {
                    service: name("backend"),
                    image: wanted.clone(),
                    heads: alembic_current(),
                    at: None,
                },
            ));
            plan.forward.push(step(
                "migrate",
                Intent::Migrate {
                    service: name("backend"),
                    image: wanted,
                    command: words(&["alembic", "upgrade", "heads"]),
                    heads: Some(alembic_current()),
                    summary: "→ head".to_owned(),
                },
            ));
        }
        plan.forward.extend(self.converge(candidate, &expected));
        plan.back
            .push(step("last-words", snapshot(Vec::new(), &expected)));
        plan.back.extend(self.converge(former, &running));
        plan
    }

    fn converge(
        &self,
        files: Vec<PinFile>,
        expected: &BTreeMap<ServiceName, ImageName>,
    ) -> Vec<Step> {
        let environment = self.environment();
        let port = self.project.variable("PROXY_PORT").unwrap();
        let heads = match self.application {
            Application::Plain => None,
            Application::Migrating => Some((name("backend"), alembic_current())),
        };
        let switch = step(
            "switch",
            Intent::Switch {
                services: vec![name("backend")],
                expected: expected.clone(),
                dependencies: true,
                reasons: BTreeMap::new(),
            },
        );
        vec![
            step("pin", Intent::Pin { files }),
            switch,
            step(
                "restart",
                Intent::Restart {
                    services: environment.restart.clone(),
                },
            ),
            step(
                "verify-health",
                Intent::Health {
                    services: vec![name("backend"), name("proxy")],
                    stable_for: environment.stable_for,
                },
            ),
            step(
                "verify-check-1",
                Intent::Check {
                    name: "status".to_owned(),
                    check: Check::Http(HttpCheck {
                        body: Some("\"ok\"".to_owned()),
                        ..HttpCheck::get(
                            format!("http://127.0.0.1:{port}/api/v1/status/"),
                            HttpMeans::Curl,
                        )
                    }),
                    attempts: 3,
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(10),
                },
            ),
            step(
                "observe",
                Intent::Observe {
                    services: vec![name("backend")],
                    heads,
                },
            ),
        ]
    }

    /// Runs a plan on the real runner to its end.
    pub fn operate(&self, plan: &Plan) -> Ended {
        let folder = render::folder(plan, &self.environment(), &self.services()).unwrap();
        let place = Place {
            environment: "production".parse().unwrap(),
            directory: self.directory(),
            project: self.project.name().to_owned(),
        };
        let reply = self.sh(&upload(&folder, &Nonce::random(), &place).unwrap());
        let StartReply::Started(operation) = start_reply(&reply).unwrap() else {
            panic!("not started: {}", String::from_utf8_lossy(&reply));
        };
        // Ends with the operation.
        self.sh(&tail(&place, operation).unwrap());
        let root = self
            .project
            .directory()
            .join(".flightdeck")
            .join(self.project.name());
        let folder = root.join(format!("operations/{operation}"));
        let mut output = std::fs::read_to_string(folder.join("output.log")).unwrap();
        output += &std::fs::read_to_string(folder.join("basis.difference")).unwrap_or_default();
        output += &std::fs::read_to_string(folder.join("runner.log")).unwrap_or_default();
        let ledger = read_ledger(&std::fs::read(root.join("ledger.jsonl")).unwrap());
        assert_eq!(ledger.damaged, 0);
        let record = ledger
            .records
            .last()
            .cloned()
            .expect("a line of the ledger");
        assert_eq!(record.operation, operation);
        println!("{output}\n{:?} {:?}", record.outcome, record.times);
        Ended {
            operation,
            record,
            output,
        }
    }

    /// Runs a script as the program does: on the standard input of the server's `sh`.
    fn sh(&self, script: &[u8]) -> Vec<u8> {
        let mut child = self
            .world
            .ssh(self.compose, "sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(script).unwrap();
        input.write_all(b"exit\n").unwrap();
        input.flush().unwrap();
        let output = child.wait_with_output().unwrap();
        drop(input);
        output.stdout
    }

    pub fn kept(&self, operation: OperationId, file: &str) -> String {
        let folder = format!(
            ".flightdeck/{}/operations/{operation}/{file}",
            self.project.name()
        );
        std::fs::read_to_string(self.project.directory().join(folder)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let kept = format!("flightdeck.keep/{}/*", self.project.name());
        let listed = self
            .world
            .docker(self.compose)
            .args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &kept])
            .output();
        // Failing here would hide why the test failed.
        let Ok(listed) = listed else { return };
        for tag in String::from_utf8_lossy(&listed.stdout).lines() {
            let mut remove = self.world.docker(self.compose);
            let _ = remove.args(["image", "rm", tag]).output();
        }
    }
}

/// A step after which the environment is as it was.
fn looks(id: &str, intent: Intent) -> Step {
    Step {
        changes: false,
        ..step(id, intent)
    }
}
