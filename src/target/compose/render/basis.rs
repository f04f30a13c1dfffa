//! `basis.sh`: looks under the claim whether what the plan was made from still holds.

use std::fmt::Write as _;

use crate::{
    config::Environment,
    plan::schema,
    release::{ImageId, plan::Plan},
};

use super::{
    super::script::{Unquotable, quote},
    library,
};

pub(super) fn script(plan: &Plan, environment: &Environment) -> Result<String, Unquotable> {
    let mut text = format!(
        ". \"$FD_FOLDER/{}\"\n{}",
        library::NAME,
        library::bare(include_str!("sh/basis.sh"))
    );
    let basis = &plan.basis;
    // Every claim takes a number: another one in between has another number.
    let last = basis.last_operation.map_or(0, |operation| operation.0);
    let _ = writeln!(
        text,
        "same 'last operation' {last} \"$((FD_OPERATION - 1))\""
    );
    for (service, images) in &basis.images {
        let mut images: Vec<&str> = images.iter().map(ImageId::as_str).collect();
        images.sort_unstable();
        let expected = if images.is_empty() {
            "none".to_owned()
        } else {
            images.join(",")
        };
        let _ = writeln!(
            text,
            "same_images {} {}",
            quote(service.as_str())?,
            quote(&expected)?
        );
    }
    for (path, fingerprint) in &basis.files {
        let _ = writeln!(text, "same_file {} {}", quote(path)?, quote(fingerprint)?);
    }
    if let (Some(heads), Some(migration)) = (&basis.schema_heads, &environment.migration) {
        let command = schema::heads_command(migration);
        if !command.is_empty() {
            let mut heads = heads.clone();
            heads.sort();
            let expected = if heads.is_empty() {
                "base".to_owned()
            } else {
                heads.join(" ")
            };
            let _ = write!(
                text,
                "same_heads {} {}",
                quote(&expected)?,
                quote(migration.service.as_str())?
            );
            for word in &command {
                let _ = write!(text, " {}", quote(word)?);
            }
            text.push('\n');
        }
    }
    text.push_str("exit \"$differences\"\n");
    Ok(text)
}
