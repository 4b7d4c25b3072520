//! The grammar as tables: a filter, and the canonical text that shows how it was understood.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use filter_parser::{ParseErrorKind, parse};

#[track_caller]
fn check(source: &str, canonical: &str) {
    let expression = parse(source).unwrap().unwrap();
    assert_eq!(expression.root.to_string(), canonical, "for {source}");
    let again = parse(canonical).unwrap().unwrap();
    assert_eq!(again.root, expression.root, "the canonical text of {source}");
}

#[track_caller]
fn check_error(source: &str, start: usize, end: usize) -> String {
    let error = parse(source).unwrap_err();
    assert_eq!(error.position(), (start, end), "{error}");
    error.to_string()
}

#[test]
fn blank_is_no_filter() {
    assert_eq!(parse(""), Ok(None));
    assert_eq!(parse(" \t\n"), Ok(None));
}

#[test]
fn comparisons() {
    check("a = b", r#""a" = "b""#);
    check("a!=b", r#""a" != "b""#);
    check(" a  <= 3 ", r#""a" <= "3""#);
    check("a<-3.5", r#""a" < "-3.5""#);
    check("a >= 3", r#""a" >= "3""#);
    check("a > 'b c'", r#""a" > "b c""#);
    check("year 1990 TO 2000", r#""year" "1990" TO "2000""#);
    check("'a b' 'c d' TO 'e'", r#""a b" "c d" TO "e""#);
}

#[test]
fn unary_operators_need_no_boundary_behind() {
    check("a EXISTS", r#""a" EXISTS"#);
    check("a NOT EXISTS", r#"NOT ("a" EXISTS)"#);
    check("a IS NULL", r#""a" IS NULL"#);
    check("a IS  NOT NULL", r#"NOT ("a" IS NULL)"#);
    check("a IS EMPTY", r#""a" IS EMPTY"#);
    check("a IS NOT EMPTY", r#"NOT ("a" IS EMPTY)"#);
    check("a EXISTSAND g = 1", r#"("a" EXISTS) AND ("g" = "1")"#);
    check("\"a\"EXISTS", r#""a" EXISTS"#);
}

#[test]
fn text_operators() {
    check("a CONTAINS b", r#""a" CONTAINS "b""#);
    check("a CONTAINSb", r#""a" CONTAINS "b""#);
    check("a NOT CONTAINS b", r#"NOT ("a" CONTAINS "b")"#);
    check("a STARTS WITH 'b c'", r#""a" STARTS WITH "b c""#);
    check("a NOT STARTS WITH b", r#"NOT ("a" STARTS WITH "b")"#);
    check("a CONTAINSb TO c", r#""a" "CONTAINSb" TO "c""#);
    check_error("a STARTS  WITH b", 3, 8);
}

#[test]
fn lists() {
    check("a IN []", r#""a" IN []"#);
    check("a IN[b]", r#""a" IN ["b"]"#);
    check("a IN [ b , 'c d' , ]", r#""a" IN ["b", "c d"]"#);
    check("a NOT IN [b, c]", r#"NOT ("a" IN ["b", "c"])"#);
    check_error("a IN b", 6, 6);
    check_error("a IN [b c]", 9, 9);
    check_error("a IN [b", 8, 8);
    check_error("a IN [,]", 7, 7);
}

#[test]
fn precedence_and_negation() {
    check("a = 1 OR b = 2 AND NOT c = 3", r#"("a" = "1") OR (("b" = "2") AND (NOT ("c" = "3")))"#);
    check("(a = 1 OR b = 2) AND c = 3", r#"(("a" = "1") OR ("b" = "2")) AND ("c" = "3")"#);
    check("a=1 AND b=2 AND c=3", r#"("a" = "1") AND ("b" = "2") AND ("c" = "3")"#);
    check("a=1 AND (b=2 AND c=3)", r#"("a" = "1") AND (("b" = "2") AND ("c" = "3"))"#);
    check("NOT NOT a = 1", r#""a" = "1""#);
    check("NOT a NOT EXISTS", r#""a" EXISTS"#);
    check("NOT(a = 1)", r#"NOT ("a" = "1")"#);
    check("NOTa = 1", r#""NOTa" = "1""#);
    check("( ( a = 1 ) )", r#""a" = "1""#);
}

#[test]
fn quotes_and_escapes() {
    check(r#"a = "it's""#, r#""a" = "it's""#);
    check(r"a = 'it\'s'", r#""a" = "it's""#);
    check(r#"a = "\"x\\""#, r#""a" = "\"x\\""#);
    check(r"a = '\b\f\n\r\t\/'", r#""a" = "\b\f\n\r\t/""#);
    check(r"a = '\u0041\u{1F600}\x42\103\0'", "\"a\" = \"A😀BC\\u0000\"");
    check(r"a = '\3777\477'", "\"a\" = \"ÿ7'7\"");
    check("a = ''", r#""a" = """#);
    check("'AND' = 'NOT'", r#""AND" = "NOT""#);
    check("'_geo' = 1", r#""_geo" = "1""#);
    check_error(r"a = 'x\y'", 7, 8);
    check_error(r"a = '\ud800'", 6, 11);
    check_error(r"a = '\u{}'", 6, 8);
    check_error("a = 'é", 5, 6);
}

#[test]
fn reserved_words() {
    for word in [
        "AND", "OR", "IN", "NOT", "TO", "EXISTS", "IS", "NULL", "EMPTY", "CONTAINS", "STARTS",
        "WITH",
    ] {
        assert!(parse(&format!("a = {word}")).is_err(), "{word} as a value");
        assert!(parse(&format!("{word} = a")).is_err(), "{word} as a name");
        check(&format!("a = {word}S"), &format!(r#""a" = "{word}S""#));
    }
    for word in
        ["_geo", "_geoPoint", "_geoPointer", "_geoDistance", "_geoRadius", "_geoBoundingBox"]
    {
        let error = parse(&format!("{word} = 1")).unwrap_err();
        assert!(matches!(error.kind(), ParseErrorKind::ReservedGeo(_)), "{error}");
        assert!(parse(&format!("a = {word}")).is_err(), "{word} as a value");
    }
    check("_geo.lat > 1", r#""_geo.lat" > "1""#);
}

#[test]
fn geo() {
    check("_geoRadius(1, -2.5,3e3)", "_geoRadius(1, -2.5, 3000)");
    check("_geoRadius( 1 ,2, 3 , 100 )", "_geoRadius(1, 2, 3, 100)");
    check("_geoBoundingBox([1,2],[ 3 , 4 ])", "_geoBoundingBox([1, 2], [3, 4])");
    check("_geoPolygon([1,2],[3,4],[5,6],)", "_geoPolygon([1, 2], [3, 4], [5, 6])");
    check("NOT _geoRadius(1,2,3)", "NOT (_geoRadius(1, 2, 3))");
    check_error("_geoRadius(1,2)", 15, 15);
    check_error("_geoRadius(1,b,3)", 14, 14);
    check_error("_geoRadius(1,2,1e999)", 16, 20);
    check_error("_geoBoundingBox([1,2,3],[4,5])", 21, 21);
    check_error("_geoPolygon([1,2],[3,4])", 1, 24);
    check_error("_geoRadius (1,2,3)", 1, 10);
}

#[test]
fn vectors() {
    check("_vectors EXISTS", "_vectors EXISTS");
    check("_vectors NOT EXISTS", "NOT (_vectors EXISTS)");
    check("_vectors.m EXISTS", r#"_vectors."m" EXISTS"#);
    check(r#"_vectors."a.b".userProvided EXISTS"#, r#"_vectors."a.b".userProvided EXISTS"#);
    check("_vectors.m.documentTemplate EXISTS", r#"_vectors."m".documentTemplate EXISTS"#);
    check("_vectors.m.regenerate EXISTS", r#"_vectors."m".regenerate EXISTS"#);
    check("_vectors.m.fragments.f EXISTS", r#"_vectors."m".fragments."f" EXISTS"#);
    check("_vectorsX EXISTS", r#""_vectorsX" EXISTS"#);
    check("_vectors = 1", r#""_vectors" = "1""#);
}

#[test]
fn foreign() {
    check("_foreign(a, b = 1 OR c = 2)", r#"_foreign("a", ("b" = "1") OR ("c" = "2"))"#);
    check("NOT _foreign(a, b = 1)", r#"NOT (_foreign("a", "b" = "1"))"#);
    check_error("_foreign(a b = 1)", 12, 12);
    check_error("_foreign(a, b = 1", 18, 18);
}

#[test]
fn broken_filters_point_at_the_problem() {
    check_error("year", 5, 5);
    check_error("year =", 7, 7);
    check_error("= 3", 1, 1);
    check_error("year = 1 AND", 13, 13);
    check_error("(year = 1", 10, 10);
    check_error("year TO 3", 6, 7);
    check_error("year 3 TO", 6, 6);
    check_error("year == 3", 7, 7);
    check_error("year EXISTS EXISTS", 13, 18);
    check_error("a = 1 b = 2", 7, 7);
    check_error("a = 1)", 6, 6);
}

#[test]
fn columns_count_characters() {
    let message = check_error("été = 'ü' zut", 11, 13);
    insta::assert_snapshot!(message, @r"
    the filter is complete before `zut`: join conditions with `AND` or `OR`, and quote values that hold spaces or punctuation
    11:13 été = 'ü' zut
    ");
}

#[test]
fn depth_counts_four_levels_a_parenthesis_three_a_foreign_one_a_negation() {
    let parentheses = |n: usize| format!("{}a = 1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&parentheses(36)).is_ok());
    assert_eq!(parse(&parentheses(37)).unwrap_err().kind(), &ParseErrorKind::TooDeep);
    let negations = |n: usize| format!("{}a = 1", "NOT ".repeat(n));
    assert!(parse(&negations(146)).is_ok());
    assert_eq!(parse(&negations(147)).unwrap_err().kind(), &ParseErrorKind::TooDeep);
    let foreign = |n: usize| format!("{}a = 1{}", "_foreign(k, ".repeat(n), ")".repeat(n));
    assert!(parse(&foreign(48)).is_ok());
    assert_eq!(parse(&foreign(49)).unwrap_err().kind(), &ParseErrorKind::TooDeep);
    assert!(parse(&"(".repeat(100_000)).is_err());
}

#[test]
fn the_number_of_conditions_is_not_limited() {
    let source = vec!["a = 1"; 20_000].join(" OR ");
    let filter_parser::Node::Or(nodes) = parse(&source).unwrap().unwrap().root else {
        panic!("an OR is expected")
    };
    assert_eq!(nodes.len(), 20_000);
}
