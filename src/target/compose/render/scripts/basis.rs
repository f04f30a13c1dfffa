//! What a plan was made from, as the script that looks whether it still holds.

use super::{begin, database::asked, words::list_of};
use crate::{
    release::{
        ServiceName,
        plan::{HeadsQuery, Intent, Plan},
    },
    target::compose::{docker::quoted as words, render::RenderError, script::quote},
};

pub(super) fn basis(plan: &Plan) -> Result<String, RenderError> {
    let basis = &plan.basis;
    let services: Vec<ServiceName> = basis.images.keys().cloned().collect();
    let mut text = format!(
        "{}basis_operation {}\n",
        begin(),
        basis.last_operation.map_or(0, |id| id.0)
    );
    if !services.is_empty() {
        text.push_str(&format!("basis_look{}\n", list_of(&services)));
    }
    for (service, images) in &basis.images {
        let images: String = images.iter().map(|id| format!(" {id}")).collect();
        text.push_str(&format!("basis_images {service}{images}\n"));
    }
    for (service, made_from) in &basis.made_from {
        // No container, no label: the images tell of that.
        if !made_from.is_empty() {
            text.push_str(&format!(
                "basis_made_from {service} {}\n",
                words(made_from)?
            ));
        }
    }
    for (path, hash) in &basis.files {
        text.push_str(&format!("basis_file {} {}\n", quote(path)?, quote(hash)?));
    }
    if let (Some(heads), Some((service, query))) = (&basis.schema_heads, heads_query(plan)) {
        let heads = if heads.is_empty() {
            "base".to_owned()
        } else {
            heads.join(",")
        };
        text.push_str(&format!(
            "basis_heads {} {}\n",
            quote(&heads)?,
            asked("inside", service, query)?
        ));
    }
    text.push_str("basis_end\n");
    Ok(text)
}

/// How the schema's heads are asked for, where a step knows.
fn heads_query(plan: &Plan) -> Option<(&ServiceName, &HeadsQuery)> {
    plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { service, heads, .. } => Some((service, heads.as_ref()?)),
        Intent::Observe { heads, .. } => heads.as_ref().map(|(service, heads)| (service, heads)),
        _ => None,
    })
}
