//! A table of expressions.

use serde_json::{Value, json};

use super::{HOME, evaluated};

#[test]
fn functions_make_what_the_documentation_says() {
    let cases: &[(&str, Value)] = &[
        ("concat('a', 1, true())", json!("a1True")),
        ("concat(createArray(1), createArray(2))", json!([1, 2])),
        ("format('{0}-{1:D3} {{x}}', 'a', 7)", json!("a-007 {x}")),
        ("toLower(toUpper('aB'))", json!("ab")),
        ("string(createObject('a', 1))", json!("{\"a\":1}")),
        ("int('42')", json!(42)),
        ("float('1.5')", json!(1.5)),
        ("bool('true')", json!(true)),
        ("json('{\"a\":[1]}').a[0]", json!(1)),
        ("createObject('a', createArray('x'))", json!({ "a": ["x"] })),
        ("union(createObject('a', 1), createObject('b', 2))", json!({ "a": 1, "b": 2 })),
        ("union(createArray(1, 2), createArray(2, 3))", json!([1, 2, 3])),
        ("intersection(createArray(1, 2), createArray(2, 3))", json!([2])),
        ("length('abc')", json!(3)),
        ("first('abc')", json!("a")),
        ("last(createArray(1, 2))", json!(2)),
        ("take('abc', 2)", json!("ab")),
        ("skip(createArray(1, 2, 3), 1)", json!([2, 3])),
        ("contains(createObject('Key', 1), 'key')", json!(true)),
        ("contains('abc', 'bc')", json!(true)),
        ("empty('')", json!(true)),
        ("split('a,b;c', createArray(',', ';'))", json!(["a", "b", "c"])),
        ("join(createArray('a', 1), '-')", json!("a-1")),
        ("replace('a-b', '-', '')", json!("ab")),
        ("substring('abcdef', 1, 3)", json!("bcd")),
        ("trim('  a ')", json!("a")),
        ("padLeft('7', 3, '0')", json!("007")),
        ("startsWith('ABC', 'ab')", json!(true)),
        ("endsWith('abc', 'x')", json!(false)),
        ("indexOf('abcb', 'B')", json!(1)),
        ("lastIndexOf('abcb', 'b')", json!(3)),
        ("range(2, 3)", json!([2, 3, 4])),
        ("min(createArray(3, 1, 2))", json!(1)),
        ("max(3, 1)", json!(3)),
        ("add(mul(2, 3), sub(10, mod(7, 4)))", json!(13)),
        ("div(7, 2)", json!(3)),
        ("equals(1, 1)", json!(true)),
        ("less('a', 'b')", json!(true)),
        ("greaterOrEquals(2, 2)", json!(true)),
        ("and(true(), not(false()))", json!(true)),
        ("or(false(), false())", json!(false)),
        ("if(true(), 'a', div(1, 0))", json!("a")),
        ("coalesce(null(), 'a')", json!("a")),
        ("base64ToString(base64('Grüße'))", json!("Grüße")),
        ("uriComponent('a b/ü')", json!("a%20b%2F%C3%BC")),
        ("uriComponentToString('a%20b')", json!("a b")),
        ("uri('http://h/x/y', 'z')", json!("http://h/x/z")),
        ("length(uniqueString('a', 'b'))", json!(13)),
        ("equals(guid('a'), guid('a'))", json!(true)),
        ("flatten(createArray(createArray(1), createArray(2, 3)))", json!([1, 2, 3])),
        ("items(createObject('b', 1, 'a', 2))[0].key", json!("a")),
        ("map(range(0, 3), lambda('i', mul(lambdaVariables('i'), 2)))", json!([0, 2, 4])),
        ("filter(range(0, 5), lambda('i', greater(lambdaVariables('i'), 3)))", json!([4])),
        (
            "reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))",
            json!(10),
        ),
        (
            "sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))",
            json!([1, 2, 3]),
        ),
        ("toObject(createArray('a'), lambda('x', lambdaVariables('x')))", json!({ "a": "a" })),
        ("createObject('a', 1).?b", json!(null)),
        ("tryGet(createObject('a', createArray(5)), 'a', 0)", json!(5)),
        ("dateTimeAdd('2026-01-31T00:00:00Z', 'P1DT1H')", json!("2026-02-01T01:00:00Z")),
        ("dateTimeToEpoch('1970-01-02T00:00:00Z')", json!(86400)),
        ("resourceGroup().location", json!("westus")),
        ("subscription().subscriptionId", json!("s")),
        ("resourceId('A.B/c/', 'x')", json!(format!("{HOME}/providers/A.B/c/x"))),
        (
            "resourceId('other', 'A.B/c/d', 'x', 'y')",
            json!("/subscriptions/s/resourceGroups/other/providers/A.B/c/x/d/y"),
        ),
        ("subscriptionResourceId('A.B/c', 'x')", json!("/subscriptions/s/providers/A.B/c/x")),
        ("extensionResourceId('/z', 'A.B/c', 'x')", json!("/z/providers/A.B/c/x")),
        ("environment().name", json!("Wharf")),
        ("deployment().name", json!("d")),
    ];
    for (expression, expected) in cases {
        assert_eq!(evaluated(expression).as_ref(), Ok(expected), "{expression}");
    }
}

#[test]
fn mistakes_in_expressions_are_told() {
    let cases: &[(&str, &str)] = &[
        ("nothing()", "not valid or not supported"),
        ("variables('w')", "'w' is not found"),
        ("variables('v')", "refers to itself"),
        ("parameters('p')", "'p' is not found"),
        ("substring('abc', 2, 5)", "location within the string"),
        ("div(1, 0)", "division by zero"),
        ("first(1)", "type 'Number'"),
        ("createObject('a', 1).b", "available properties are 'a'"),
        ("createArray(1)[1]", "out of bounds"),
        ("if(1, 2, 3)", "expects a boolean"),
        ("if(true(), 2)", "number of arguments"),
        ("copyIndex()", "not expected at this location"),
        ("utcNow()", "default value of a parameter"),
        ("resourceId('A.B/c')", "requires '1' resource name"),
        ("reference('unknown')", "could not find"),
        ("range(0, 1000000)", "items at most"),
        ("padLeft('', 1000000000)", "letters at most"),
    ];
    for (expression, expected) in cases {
        let error = evaluated(expression).unwrap_err();
        assert!(error.contains(expected), "{expression}: {error}");
    }
}
