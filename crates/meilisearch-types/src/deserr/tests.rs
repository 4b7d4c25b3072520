//! Codes, places and values of query strings, as routes declare them.

use deserr::Deserr;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::error::deserr_codes::*;
use crate::index_uid::IndexUid;
use crate::tasks::{Kind, Status};

#[derive(Debug, PartialEq, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
struct TasksQuery {
    #[deserr(default = Param(20), error = DeserrQueryParamError<InvalidTaskLimit>)]
    limit: Param<u32>,
    #[deserr(default, error = DeserrQueryParamError<InvalidTaskReverse>)]
    reverse: Option<Param<bool>>,
    #[deserr(default = StarOrList::Star, error = DeserrQueryParamError<InvalidTaskUids>)]
    uids: StarOrList<u32>,
    #[deserr(default = StarOrList::Star, error = DeserrQueryParamError<InvalidTaskTypes>)]
    types: StarOrList<Kind>,
    #[deserr(default = StarOrList::Star, error = DeserrQueryParamError<InvalidTaskStatuses>)]
    statuses: StarOrList<Status>,
    #[deserr(default = StarOrList::Star, error = DeserrQueryParamError<InvalidIndexUid>)]
    index_uids: StarOrList<IndexUid>,
    #[deserr(default = StarOr::Star, error = DeserrQueryParamError<InvalidTaskAfterEnqueuedAt>)]
    after_enqueued_at: StarOr<AfterDate>,
    #[deserr(default = StarOr::Star, error = DeserrQueryParamError<InvalidTaskBeforeEnqueuedAt>)]
    before_enqueued_at: StarOr<BeforeDate>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentFields>)]
    fields: CommaList<String>,
}

fn parse(name: &str, text: &str) -> Result<TasksQuery, DeserrQueryParamError> {
    deserr::deserialize(Value::from_iter([(name, Value::from(text))]))
}

fn refused(name: &str, text: &str) -> (Code, String) {
    let error = parse(name, text).unwrap_err();
    (error.error_code(), error.to_string())
}

#[test]
fn lists() {
    assert_eq!(parse("uids", "1,,+2,").unwrap().uids, StarOrList::List(vec![1, 2]));
    assert_eq!(parse("uids", "").unwrap().uids, StarOrList::List(vec![]));
    assert_eq!(parse("uids", "1,*").unwrap().uids, StarOrList::Star);
    assert_eq!(parse("uids", "1").unwrap().uids.list(), Some(vec![1]));
    assert_eq!(
        parse("types", "DUMPCREATION,indexSwap").unwrap().types,
        StarOrList::List(vec![Kind::DumpCreation, Kind::IndexSwap])
    );
    assert_eq!(parse("statuses", "Failed").unwrap().statuses.list(), Some(vec![Status::Failed]));
    let fields = parse("fields", " a,b").unwrap().fields;
    assert_eq!(fields, CommaList(vec![" a".to_owned(), "b".to_owned()]));
}

#[test]
fn dates() {
    let after = |text| parse("afterEnqueuedAt", text).unwrap().after_enqueued_at.other();
    let before = |text| parse("beforeEnqueuedAt", text).unwrap().before_enqueued_at.other();
    assert_eq!(after("2026-02-28"), Some(AfterDate(datetime!(2026-03-01 0:00 UTC))));
    assert_eq!(before("2026-02-28"), Some(BeforeDate(datetime!(2026-02-28 0:00 UTC))));
    let exact = datetime!(2026-02-28 10:00:00.5 +1);
    assert_eq!(after("2026-02-28T10:00:00.5+01:00"), Some(AfterDate(exact)));
    assert_eq!(before("2026-02-28T10:00:00.5+01:00"), Some(BeforeDate(exact)));
    assert_eq!(after("*"), None);
    for text in ["", "yesterday", "2026-02-30", "2026-02-28 10:00:00", "9999-12-31T"] {
        assert_eq!(refused("afterEnqueuedAt", text).0, Code::InvalidTaskAfterEnqueuedAt, "{text}");
    }
    assert_eq!(refused("afterEnqueuedAt", "9999-12-31").0, Code::InvalidTaskAfterEnqueuedAt);
}

#[test]
fn scalars() {
    assert_eq!(parse("limit", "+7").unwrap().limit, Param(7));
    assert_eq!(parse("reverse", "true").unwrap().reverse, Some(Param(true)));
    for text in ["", " 1", "-1", "1.0", "4294967296"] {
        assert_eq!(refused("limit", text).0, Code::InvalidTaskLimit, "{text}");
    }
    for text in ["", "True", "1", "*"] {
        assert_eq!(refused("reverse", text).0, Code::InvalidTaskReverse, "{text}");
    }
}

#[test]
fn places_and_suggestions_in_query_strings() {
    let (code, message) = refused("uids", "1,b");
    assert_eq!(code, Code::InvalidTaskUids);
    assert!(message.contains("`uids[1]`"), "{message}");
    assert!(refused("uids", "b").1.contains("`uids`"));
    let (code, message) = refused("types", "indexSwp");
    assert_eq!(code, Code::InvalidTaskTypes);
    assert!(message.contains("did you mean `indexSwap`?"), "{message}");
    assert_eq!(refused("indexUids", "a b").0, Code::InvalidIndexUid);
    assert_eq!(refused("statuses", "done").0, Code::InvalidTaskStatuses);
    let (code, message) = refused("limits", "1");
    assert_eq!(code, Code::BadRequest);
    assert!(message.contains("did you mean `limit`?"), "{message}");
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
struct Body {
    #[deserr(error = DeserrJsonError<InvalidSwapIndexes>, missing_field_error = missing_field::<Json, BadRequest, MissingSwapIndexes>)]
    #[allow(dead_code, reason = "only its errors matter")]
    indexes: Vec<IndexUid>,
    #[deserr(default, error = DeserrJsonError<InvalidSwapRename>)]
    #[allow(dead_code, reason = "only its errors matter")]
    rename: bool,
}

#[test]
fn codes_in_bodies() {
    for (body, code, told) in [
        (json!({"indexes": ["a", "b c"]}), Code::InvalidSwapIndexes, "`.indexes[1]`"),
        (json!({"indexes": [], "rename": 1}), Code::InvalidSwapRename, "`.rename`"),
        (json!({"rename": true}), Code::MissingSwapIndexes, "`indexes`"),
        (json!({"index": []}), Code::BadRequest, "`index`"),
        (json!({"indexxes": []}), Code::BadRequest, "did you mean `indexes`?"),
        (json!([]), Code::BadRequest, "an object"),
    ] {
        let error = deserr::deserialize::<Body, _, DeserrJsonError>(body).unwrap_err();
        assert_eq!(error.error_code(), code);
        assert!(error.to_string().contains(told), "{error}");
        let response = actix_web::ResponseError::error_response(&error);
        assert_eq!(response.status(), code.status());
    }
}

#[test]
fn suggestions_by_length() {
    use deserr::errors::helpers::did_you_mean;
    for (typed, meant, suggested) in [
        ("abc", "abd", false),
        ("abcd", "abce", true),
        ("abcdefg", "abcdexx", false),
        ("abcdefgh", "abcdefxx", true),
        ("abcdefghijklm", "abcdefghijxxx", true),
        ("abcdefghijklmnopqr", "abcdefghijklmnxxxx", true),
        ("abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrstzzzzz", true),
        ("abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrszzzzzz", false),
        ("badc", "abdc", true),
    ] {
        assert_eq!(!did_you_mean(typed, &[meant]).is_empty(), suggested, "{typed}");
    }
}
