//! Whole templates.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod functions;

const HOME: &str = "/subscriptions/s/resourceGroups/RG";

fn context() -> Context {
    Context {
        subscription: json!({ "id": "/subscriptions/s", "subscriptionId": "s", "tenantId": "t" }),
        resource_group: json!({ "id": HOME, "name": "RG", "location": "westus" }),
        deployment: json!({ "name": "d" }),
        environment: json!({ "name": "Wharf" }),
        tenant: json!({ "tenantId": "t" }),
        now: "2026-01-31T12:30:45Z".parse().unwrap(),
        seed: uuid::Uuid::nil(),
    }
}

fn document(parts: Value) -> Value {
    let mut document = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    });
    if let Value::Object(parts) = parts {
        for (name, value) in parts {
            document[name] = value;
        }
    }
    document
}

fn plan(parts: Value, parameters: &Value) -> Result<Template, Error> {
    Template::new(&document(parts), parameters, context())
}

fn message(parts: Value, parameters: &Value) -> String {
    let error = plan(parts, parameters).unwrap_err();
    assert_eq!(error.code, "InvalidTemplate");
    error.message
}

/// What an expression makes, by way of a variable and the body of a resource.
fn evaluated(expression: &str) -> Result<Value, String> {
    let resource = json!({
        "type": "N.S/things", "apiVersion": "1", "name": "x",
        "properties": { "value": "[variables('v')]" },
    });
    let parts = json!({ "variables": { "v": format!("[{expression}]") }, "resources": [resource] });
    let template = plan(parts, &json!({})).map_err(|error| error.message)?;
    match template.body(0, &Answers::new()) {
        Ok(body) => Ok(body["properties"]["value"].clone()),
        Err(pending) => Err(format!("{pending:?}")),
    }
}

#[test]
fn what_grows_without_end_is_stopped() {
    let mut variables = Map::new();
    variables.insert("v0".to_owned(), json!("aaaaaaaaaaaaaaaa"));
    for i in 1..40 {
        let before = i - 1;
        let twice = format!("[createArray(variables('v{before}'), variables('v{before}'))]");
        variables.insert(format!("v{i}"), json!(twice));
    }
    let resource = json!({ "type": "A.B/c", "apiVersion": "1", "name": "x",
        "properties": { "a": "[variables('v39')]" } });
    let parts = json!({ "variables": variables, "resources": [resource] });
    assert!(message(parts, &json!({})).contains("too large"));
    let nested = "reduce(range(0, 99999), 1, lambda('a', 'b', createArray(lambdaVariables('a'))))";
    assert!(evaluated(nested).unwrap_err().contains("too large"));
}

#[test]
fn what_nests_without_end_is_stopped() {
    let mut variables = Map::new();
    variables.insert("v0".to_owned(), json!("a"));
    for i in 1..20_000 {
        variables.insert(format!("v{i}"), json!(format!("[variables('v{}')]", i - 1)));
    }
    let resource = json!({ "type": "A.B/c", "apiVersion": "1", "name": "[variables('v19999')]" });
    let parts = json!({ "variables": variables, "resources": [resource] });
    assert!(message(parts, &json!({})).contains("nests too deep"));
    let endless = json!({
        "functions": [{ "namespace": "my", "members": { "f": {
            "output": { "type": "int", "value": "[my.f()]" } } } }],
        "outputs": { "o": { "type": "int", "value": "[my.f()]" } },
    });
    assert!(message(endless, &json!({})).contains("nests too deep"));
}

#[test]
fn parameters_are_checked_and_secrets_are_not_shown() {
    let declared = json!({ "parameters": {
        "name": { "type": "string", "minLength": 2, "allowedValues": ["web", "db"] },
        "count": { "type": "int", "defaultValue": 3, "maxValue": 5 },
        "copy": { "type": "string", "defaultValue": "[parameters('later')]" },
        "later": { "type": "string", "defaultValue": "[utcNow('yyyy-MM-dd')]" },
        "secret": { "type": "secureString" },
    }});
    let with = |name: &str, value: Value| {
        let mut given = json!({ "NAME": { "value": "web" }, "secret": { "value": "hunter2" } });
        given[name] = json!({ "value": value });
        given
    };
    let template = plan(declared.clone(), &with("count", json!(5))).unwrap();
    let shown = template.shown_parameters();
    assert_eq!(shown["name"], json!({ "type": "String", "value": "web" }));
    assert_eq!(shown["copy"]["value"], "2026-01-31");
    assert_eq!(shown["secret"], json!({ "type": "SecureString" }));
    assert!(!shown.to_string().contains("hunter2"));
    for (name, value, expected) in [
        ("NAME", json!("cache"), "allowed value(s): 'web,db'"),
        ("NAME", json!(1), "type 'String'"),
        ("count", json!(6), "'maxValue'"),
        ("other", json!(1), "not present in the original template"),
        ("secret", json!(7), "'secret' is not valid"),
    ] {
        let message = message(declared.clone(), &with(name, value));
        assert!(message.contains(expected), "{message}");
    }
    let missing = message(declared, &json!({ "name": { "value": "web" } }));
    assert!(missing.contains("'secret' at line '1' and column '1' is not provided"), "{missing}");
}

#[test]
fn loops_conditions_children_and_dependencies_are_planned() {
    let parts = json!({
        "parameters": { "more": { "type": "bool", "defaultValue": false } },
        "resources": [
            {
                "type": "A.B/group", "apiVersion": "1", "name": "[concat('g', copyIndex(1))]",
                "copy": { "name": "groups", "count": 2 },
                "properties": {
                    "copy": [{ "name": "ports", "count": 2, "input": {
                        "port": "[add(8000, copyIndex('ports'))]", "of": "[copyIndex('groups')]" } }],
                    "text": "[[literal]",
                },
            },
            {
                "type": "A.B/parent", "apiVersion": "1", "name": "p", "dependsOn": ["groups"],
                "resources": [{ "type": "child", "apiVersion": "1", "name": "c",
                    "dependsOn": ["[resourceId('A.B/parent', 'p')]"] }],
            },
            { "type": "A.B/more", "apiVersion": "1", "name": "m",
              "condition": "[parameters('more')]" },
            { "type": "A.B/last", "apiVersion": "1", "name": "l",
              "dependsOn": ["[resourceId('A.B/more', 'm')]", "p"] },
        ],
    });
    let template = plan(parts, &json!({})).unwrap();
    let ids: Vec<&str> = template
        .resources()
        .iter()
        .map(|planned| {
            planned.id.strip_prefix("/subscriptions/s/resourceGroups/RG/providers/").unwrap()
        })
        .collect();
    let expected =
        ["A.B/group/g1", "A.B/group/g2", "A.B/parent/p", "A.B/parent/p/child/c", "A.B/last/l"];
    assert_eq!(ids, expected);
    let after: Vec<&[usize]> = template.resources().iter().map(|p| p.after.as_slice()).collect();
    assert_eq!(after, [&[][..], &[], &[0, 1], &[2], &[2]]);
    let body = template.body(1, &Answers::new()).unwrap();
    assert_eq!(body["properties"]["ports"][1], json!({ "port": 8001, "of": 1 }));
    assert_eq!(body["properties"]["text"], "[literal]");
    assert!(body.get("copy").is_none() && body.get("name").is_none());
}

#[test]
fn circles_and_unknown_dependencies_are_refused() {
    let resource = |name: &str, after: &str| json!({ "type": "A.B/c", "apiVersion": "1", "name": name, "dependsOn": [after] });
    let circle = json!({ "resources": [resource("a", "b"), resource("b", "a")] });
    assert!(message(circle, &json!({})).contains("Circular dependency detected"));
    let unknown = json!({ "resources": [resource("a", "z")] });
    assert!(message(unknown, &json!({})).contains("'z' is not defined in the template"));
    let twice = json!({ "resources": [
        { "type": "A.B/c", "apiVersion": "1", "name": "a" },
        { "type": "a.b/C", "apiVersion": "1", "name": "A" } ] });
    assert!(message(twice, &json!({})).contains("defined more than once"));
}

#[test]
fn references_stop_until_they_are_answered() {
    let parts = json!({
        "resources": {
            "web": { "type": "A.B/c", "apiVersion": "2020-01-01", "name": "w" },
            "user": { "type": "A.B/c", "apiVersion": "1", "name": "u",
                "properties": { "ip": "[reference('web').ip]" } },
        },
        "outputs": {
            "ip": { "type": "string", "value": "[reference('web').ip]" },
            "key": { "type": "secureString", "value": "[listKeys('w', '2019-06-01').keys[0].value]" },
        },
    });
    let template = plan(parts, &json!({})).unwrap();
    let mut answers = Answers::new();
    let Err(Pending::Needs(request)) = template.body(1, &answers) else { panic!("no answer") };
    assert_eq!(request.id, format!("{HOME}/providers/A.B/c/w"));
    assert_eq!(request.api_version.as_deref(), Some("2020-01-01"));
    assert_eq!(template.position(&request.id), Some(0));
    answers.insert(*request, json!({ "properties": { "IP": "10.0.0.1" } }));
    assert_eq!(template.body(1, &answers).unwrap()["properties"]["ip"], "10.0.0.1");
    let Err(Pending::Needs(request)) = template.outputs(&answers) else { panic!("no answer") };
    assert_eq!(request.action.as_deref(), Some("listKeys"));
    answers.insert(*request, json!({ "keys": [{ "value": "k" }] }));
    let expected = json!({
        "ip": { "type": "String", "value": "10.0.0.1" }, "key": { "type": "SecureString" } });
    assert_eq!(template.outputs(&answers).unwrap(), expected);
}

#[test]
fn nested_templates_are_evaluated_where_they_say() {
    let nested = |options: Value| {
        json!({ "variables": { "v": "outer" }, "resources": [{
            "type": DEPLOYMENT, "apiVersion": "2021-04-01", "name": "inner",
            "properties": {
                "mode": "Incremental", "expressionEvaluationOptions": options,
                "template": { "outputs": { "o": { "type": "string", "value": "[variables('v')]" },
                    "p": { "type": "string", "value": "[[x]" } } },
            } }] })
    };
    let body = |options: Value| {
        let body = plan(nested(options), &json!({})).unwrap().body(0, &Answers::new()).unwrap();
        body["properties"]["template"]["outputs"].clone()
    };
    let outer = body(Value::Null);
    assert_eq!((&outer["o"]["value"], &outer["p"]["value"]), (&json!("outer"), &json!("[[x]")));
    assert_eq!(body(json!({ "scope": "inner" }))["o"]["value"], "[variables('v')]");
}

#[test]
fn the_templates_own_functions_and_output_loops_work() {
    let parts = json!({
        "functions": [{ "namespace": "my", "members": { "twice": {
            "parameters": [{ "name": "x", "type": "int" }],
            "output": { "type": "int", "value": "[mul(2, parameters('x'))]" } } } }],
        "outputs": { "all": { "type": "array", "copy": {
            "count": 3, "input": "[my.twice(copyIndex())]" } } },
    });
    let outputs = plan(parts, &json!({})).unwrap().outputs(&Answers::new()).unwrap();
    assert_eq!(outputs["all"]["value"], json!([0, 2, 4]));
}

#[test]
fn serial_loops_wait_for_the_batch_before() {
    let parts = json!({ "resources": [{
        "type": "A.B/c", "apiVersion": "1", "name": "[string(copyIndex())]",
        "copy": { "name": "c", "count": 5, "mode": "serial", "batchSize": 2 } }] });
    let template = plan(parts, &json!({})).unwrap();
    let after: Vec<&[usize]> = template.resources().iter().map(|p| p.after.as_slice()).collect();
    assert_eq!(after, [&[][..], &[], &[0, 1], &[0, 1], &[0, 1, 2, 3]]);
}

#[test]
fn templates_of_other_scopes_and_broken_ones_are_refused() {
    for (template, expected) in [
        (json!([]), "must be an object"),
        (json!({ "$schema": "https://x/subscriptionDeploymentTemplate.json#" }), "resource groups"),
        (json!({ "$schema": "https://x/deploymentTemplate.json#" }), "'contentVersion' not found"),
        (document(json!({ "resources": null })), "'resources' not found"),
        (document(json!({ "resources": [{ "type": "A.B/c", "name": "x" }] })), "'apiVersion'"),
        (
            document(
                json!({ "resources": [{ "type": "A.B/c/d", "name": "x", "apiVersion": "1" }] }),
            ),
            "incorrect segment lengths",
        ),
    ] {
        let error = Template::new(&template, &json!({}), context()).unwrap_err();
        assert!(error.message.contains(expected), "{}", error.message);
    }
}

proptest! {
    #[test]
    fn no_expression_panics(text in "[a-z]{1,8}\\(('[a-z0-9]{0,4}'|-?[0-9]{1,19}|true\\(\\)|createArray\\(1,'a'\\)|null\\(\\))?(, ?('[a-z]{0,3}'|-?[0-9]{1,6})){0,3}\\)") {
        drop(evaluated(&text));
    }

    #[test]
    fn known_functions_never_panic_on_any_arguments(
        index in 0_usize..60,
        args in proptest::collection::vec("('[a-z{}:0]{0,5}'|-?[0-9]{1,19}|true\\(\\)|createArray\\(1,'a'\\)|createObject\\('a',1\\)|null\\(\\))", 0..4),
    ) {
        let names = ["concat", "format", "substring", "padLeft", "split", "join", "replace", "take",
            "skip", "range", "min", "max", "add", "sub", "mul", "div", "mod", "union",
            "intersection", "first", "last", "indexOf", "contains", "length", "empty", "json",
            "base64ToString", "uri", "dateTimeAdd", "dateTimeFromEpoch", "items", "flatten",
            "coalesce", "tryGet", "resourceId", "guid", "uniqueString", "less", "int", "bool"];
        let name = names[index % names.len()];
        drop(evaluated(&format!("{name}({})", args.join(", "))));
    }

    #[test]
    fn literal_texts_come_out_as_they_went_in(text in "\\PC{0,20}") {
        let escaped = if text.starts_with('[') { format!("[{text}") } else { text.clone() };
        let resource = json!({ "type": "A.B/c", "apiVersion": "1", "name": "x",
            "properties": { "value": escaped } });
        let template = plan(json!({ "resources": [resource] }), &json!({})).unwrap();
        let body = template.body(0, &Answers::new()).unwrap();
        prop_assert_eq!(&body["properties"]["value"], &json!(text));
    }
}
