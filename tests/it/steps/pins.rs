//! Files that pin versions are swapped and copied as they have to be, and a basis that does not hold is
//! refused.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use flightdeck::{
    release::{
        operation::Outcome,
        plan::{Basis, Intent, PinFile, Step},
    },
    target::compose::pin::hash::Algorithm,
};

use super::{name, shells::servers, step};

fn hash(text: &str) -> String {
    Algorithm::Sha256.fingerprint(text.as_bytes())
}

/// The step that pins by a file.
pub(super) fn pin(path: &Path, expected: Option<&str>, attachment: Option<&str>) -> Vec<Step> {
    let file = PinFile {
        path: path.display().to_string(),
        expected: expected.map(hash),
        attachment: attachment.map(str::to_owned),
        summary: Vec::new(),
    };
    vec![step("pin", Intent::Pin { files: vec![file] })]
}

#[test]
fn a_pin_is_compared_and_swapped_with_its_mode_and_through_links() {
    const NEW: &[(&str, &str)] = &[("candidate", "TAG=v2\n")];
    for mut server in servers() {
        let real = server.write("shared.env", "TAG=v1\n");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o604)).unwrap();
        let link = server.file("a link.env");
        symlink("shared.env", &link).unwrap();
        for _ in 0..2 {
            // The second time it is done already.
            let steps = pin(&link, Some("TAG=v1\n"), Some("candidate"));
            let (record, output) = server.operate(steps, NEW, server.basis());
            assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
            assert_eq!(server.read("shared.env"), "TAG=v2\n");
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o604);
        }
        // Somebody else was there.
        server.write("shared.env", "TAG=v3\n");
        let steps = pin(&link, Some("TAG=v1\n"), Some("candidate"));
        let (record, output) = server.operate(steps, NEW, server.basis());
        assert_eq!(record.outcome, Outcome::Stuck);
        assert!(output.contains("changed by somebody"), "{output}");
        assert_eq!(server.read("shared.env"), "TAG=v3\n");
        // A file of our own, made and taken away again.
        let own = server.file("versions.yml");
        let steps = pin(&own, None, Some("candidate"));
        let (record, output) = server.operate(steps, NEW, server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("versions.yml"), "TAG=v2\n");
        let steps = pin(&own, Some("TAG=v2\n"), None);
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert!(!own.exists());
        // Nothing of ours stays beside them.
        let mut names: Vec<String> = fs::read_dir(server.file("."))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".flightdeck", "a link.env", "bin", "shared.env"]);
    }
}

#[test]
fn of_two_pins_none_is_written_where_one_cannot_be() {
    for mut server in servers() {
        let first = server.write("first.env", "TAG=v1\n");
        let second = server.write("second.env", "somebody's\n");
        let mut steps = pin(&first, Some("TAG=v1\n"), Some("candidate"));
        let mut more = pin(&second, Some("TAG=v1\n"), Some("candidate"));
        if let (Intent::Pin { files }, Intent::Pin { files: others }) =
            (&mut steps[0].intent, &mut more[0].intent)
        {
            files.append(others);
        }
        let (record, _) = server.operate(steps, &[("candidate", "TAG=v2\n")], server.basis());
        assert_eq!(record.outcome, Outcome::Stuck);
        assert_eq!(server.read("first.env"), "TAG=v1\n");
    }
}

#[test]
fn copies_of_what_was_are_their_owners_alone() {
    for mut server in servers() {
        let file = server.write(".env", "PASSWORD=secret\n");
        let files = vec![file.display().to_string()];
        let keep = BTreeMap::new();
        let steps = vec![step("snapshot", Intent::Snapshot { files, keep })];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        let copy = ".flightdeck/shop/releases/000001/.env";
        assert_eq!(server.read(copy), "PASSWORD=secret\n");
        let mode = fs::metadata(server.file(copy)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_basis_that_does_not_hold_is_refused_with_what_differs() {
    let id = |digit: &str| format!("sha256:{}", digit.repeat(64));
    for mut server in servers() {
        let file = server.write("docker-compose.yml", "services: {}\n");
        server.docker_answers(&format!(
            "backend 2 b /shop-backend-2 {} running healthy 0 t 0\nbackend 1 a /shop-backend-1 {} running healthy 0 t 0\nproxy 1 c /shop-proxy-1 {} running none 0 t 0\n",
            id("2"),
            id("1"),
            id("3"),
        ));
        let images = |backend: &[&str]| {
            let of = |ids: &[&str]| ids.iter().map(|digit| id(digit).parse().unwrap()).collect();
            BTreeMap::from([(name("backend"), of(backend)), (name("proxy"), of(&["3"]))])
        };
        let basis = Basis {
            last_operation: None,
            // A recreation that was killed leaves two of one number: in no order.
            images: images(&["2", "1"]),
            made_from: BTreeMap::new(),
            files: BTreeMap::from([(file.display().to_string(), hash("services: {}\n"))]),
            schema_heads: None,
        };
        let (record, output) = server.operate(Vec::new(), &[], basis.clone());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");

        let basis = Basis {
            images: images(&["1", "4"]),
            ..basis
        };
        server.write("docker-compose.yml", "services: {a: {}}\n");
        let (record, output) = server.operate(Vec::new(), &[], basis);
        assert_eq!(record.outcome, Outcome::Refused);
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[0], "last operation\t0\t1");
        assert_eq!(
            lines[1],
            "image of backend\t111111111111, 444444444444\t111111111111, 222222222222"
        );
        assert!(
            lines[2].starts_with(&format!("{}\t", file.display())),
            "{output}"
        );
        assert_eq!(lines.len(), 3, "{output}");
    }
}
