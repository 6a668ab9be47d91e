//! Who may do what with the files of shares, by token.

use serde_json::{Value, json};

use crate::remote::{Remote, Sp, body};

#[test]
fn files_of_shares_are_for_those_who_were_given_a_role_on_data() {
    let remote = Remote::start();
    let wharf = &remote.wharf;
    let home = format!("/subscriptions/{}/resourceGroups/files", remote.subscription);
    let account = format!("{home}/providers/Microsoft.Storage/storageAccounts/judged");
    let admin = std::fs::read_to_string(wharf.dir().join("d/admin.token")).unwrap();
    let put = |path: &str, body: &Value| remote.ask(admin.trim(), "PUT", path, Some(body));
    put(&format!("{home}?api-version=2022-12-01"), &json!({ "location": "local" }));
    let made = put(
        &format!("{account}?api-version=2023-05-01"),
        &json!({ "location": "local", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } }),
    );
    assert_eq!(made.0, 200, "{}", made.1);
    put(&format!("{account}/fileServices/default/shares/data?api-version=2023-05-01"), &json!({}));
    let sp = remote.sp("clerk", &["--role", "Owner"]);
    let Sp { client, secret, .. } = &sp;
    let log_in = |resource: &str| {
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&resource={resource}"
        );
        remote.log_in(&form).1["access_token"].as_str().unwrap().to_owned()
    };
    let storage = log_in("https://storage.azure.com");
    let ask = |token: &str, method: &str, query: &str| {
        let bearer = format!("Authorization: Bearer {token}");
        let version = "x-ms-version: 2024-11-04";
        let intent = "x-ms-file-request-intent: backup";
        let args =
            ["-X", method, "-H", &bearer, "-H", version, "-H", intent, "-H", "Content-Length: 0"];
        remote.curl(&args, &format!("/judged/data{query}"))
    };
    let list = "?restype=directory&comp=list";
    let refused = ask(&storage, "GET", list);
    assert_eq!(refused.0, 403, "Owners have no rights on data: {}", refused.1);
    assert!(refused.1.contains("AuthorizationPermissionMismatch"), "{}", refused.1);
    let assign = |role: &str, name: &str| {
        let roles =
            format!("/subscriptions/{}/providers/Microsoft.Authorization", remote.subscription);
        let body = json!({ "properties": {
            "principalId": sp.object, "roleDefinitionId": format!("{roles}/roleDefinitions/{role}") } });
        let id = format!("{account}/providers/Microsoft.Authorization/roleAssignments/{name}");
        assert_eq!(put(&format!("{id}?api-version=2022-04-01"), &body).0, 201);
    };
    assign("b8eda974-7b85-4f76-af95-65846b26df6d", "11111111-2222-3333-4444-555555555555");
    assert_eq!(ask(&storage, "GET", list).0, 200);
    assert_eq!(ask(&storage, "PUT", "/new?restype=directory").0, 403, "a reader does not write");
    assign("69566ab7-960f-475b-8e74-b3118f30c6bd", "11111111-2222-3333-4444-666666666666");
    let made = ask(&storage, "PUT", "/new?restype=directory");
    assert_eq!(made.0, 201, "{}", made.1);
    // Who may delete files may not take a share away from a group.
    let keys = remote.ask(
        admin.trim(),
        "POST",
        &format!("{account}/listKeys?api-version=2023-05-01"),
        Some(&json!({})),
    );
    let volume = json!([{ "name": "v", "azureFile": { "shareName": "data",
        "storageAccountName": "judged", "storageAccountKey": keys.1["keys"][0]["value"] } }]);
    let mut document = body();
    document["name"] = json!("user");
    document["properties"]["volumes"] = volume;
    wharf.create(&document);
    let refused = ask(&storage, "DELETE", "?restype=share");
    assert_eq!(refused.0, 409, "{}", refused.1);
    assert!(
        refused.1.contains("SharingViolation") && refused.1.contains("user&apos;"),
        "{}",
        refused.1
    );
    wharf.ok(&["delete", "user", "--yes"]);
    assert_eq!(ask(&storage, "DELETE", "?restype=share").0, 202);
    let arm = log_in(&remote.address);
    assert_eq!(ask(&arm, "GET", list).0, 401, "a token for ARM is none for files");
    assert_eq!(ask("nonsense", "GET", list).0, 401);
    remote.ask(admin.trim(), "DELETE", &format!("{home}?api-version=2022-12-01"), None);
}
