//! Lists and their pages: `{"value":[…],"nextLink"?}`.

use serde_json::{Value, json};

/// One page; `next_link` is an absolute URL when there is more.
pub fn page(values: &[Value], next_link: Option<String>) -> Value {
    let mut page = json!({ "value": values });
    if let Some(link) = next_link {
        page["nextLink"] = json!(link);
    }
    page
}
