use super::*;
use proptest::prelude::*;

fn matches(requirement: &str, version: &str) -> bool {
    VersionRequirement::parse(requirement).unwrap().matches(version.as_bytes())
}

#[test]
fn the_order_is_that_of_the_standard() {
    // Section 11, and the same with build metadata.
    let ascending = [
        "0.9.0",
        "1.0.0-0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.2.0",
        "1.10.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
        "18446744073709551615.0.0",
    ];
    for (n, low) in ascending.iter().enumerate() {
        assert!(matches(&format!("={low}"), &format!("{low}+build.5")), "{low}");
        for high in &ascending[n + 1..] {
            for (requirement, low_holds, high_holds) in [
                (format!(">{low}"), false, true),
                (format!("<{high}"), true, false),
                (format!(">={high}"), false, true),
                (format!("<={low}"), true, false),
                (format!("={low}"), true, false),
            ] {
                assert_eq!(matches(&requirement, low), low_holds, "{low} {requirement}");
                assert_eq!(matches(&requirement, high), high_holds, "{high} {requirement}");
            }
        }
    }
}

#[test]
fn comparisons_are_unleashs() {
    // Unleash/client-specification, 14-constraint-semver-operators
    for (requirement, version, expected) in [
        ("=1.2.2", "1.2.2", true),
        ("=1.2.2", "1.2.0", false),
        (">1.2.2", "1.2.3", true),
        (">1.2.2", "1.2.0", false),
        (">=1.2.2", "1.2.2", true),
        (">=1.2.2", "1.2.1", false),
        ("<1.2.2", "1.2.1", true),
        ("<1.2.2", "1.2.3", false),
        ("<=1.2.2", "1.2.2", true),
        ("<=1.2.2", "1.2.3", false),
        (">2.0.0-alpha.1", "2.0.0-beta.1", true),
        (">2.0.0-alpha.1", "2.0.0", true),
        ("<2.0.0-alpha.1", "2.0.0-beta.1", false),
        ("<2.0.0-alpha.1", "1.9.1-beta.1", true),
    ] {
        assert_eq!(matches(requirement, version), expected, "{version} {requirement}");
    }
}

#[test]
fn a_version_without_its_end_stands_for_all_that_begin_so() {
    for (requirement, inside, outside) in [
        ("<2", "1.99.99", "2.0.0-beta"),
        (">=2", "2.0.0-0", "1.99.99"),
        (">2", "3.0.0-0", "2.99.99"),
        ("<=2", "2.99.99", "3.0.0-0"),
        ("=2", "2.0.0-0", "3.0.0-0"),
        ("=2", "2.99.99", "1.99.99"),
        ("=1.2", "1.2.99", "1.3.0-0"),
        (">1.2", "1.3.0-0", "1.2.99"),
        ("<=1.2", "1.2.99", "1.3.0-0"),
        ("<1.2", "1.1.99", "1.2.0-0"),
    ] {
        assert!(matches(requirement, inside), "{inside} {requirement}");
        assert!(!matches(requirement, outside), "{outside} {requirement}");
    }
}

#[test]
fn tilde_and_caret_allow_the_usual_updates() {
    for (requirement, inside, outside) in [
        ("~1.2.3", ["1.2.3", "1.2.99"], ["1.2.2", "1.3.0-0"]),
        ("~1.2", ["1.2.0-0", "1.2.99"], ["1.1.99", "1.3.0"]),
        ("~1", ["1.0.0", "1.99.0"], ["0.99.0", "2.0.0-0"]),
        ("^1.2.3", ["1.2.3", "1.99.0"], ["1.2.2", "2.0.0-0"]),
        ("^0.2.3", ["0.2.3", "0.2.99"], ["0.2.2", "0.3.0"]),
        ("^0.0.3", ["0.0.3", "0.0.3+a"], ["0.0.2", "0.0.4-0"]),
        ("^0.0.0", ["0.0.0", "0.0.0+a"], ["0.0.1-0", "1.0.0"]),
        ("^0.0", ["0.0.0-0", "0.0.99"], ["0.1.0-0", "1.0.0"]),
        ("^0", ["0.0.0-0", "0.99.0"], ["1.0.0-0", "2.0.0"]),
        ("^1.2.3-beta.2", ["1.2.3-beta.2", "1.9.0-a"], ["1.2.3-beta.1", "2.0.0"]),
    ] {
        for version in inside {
            assert!(matches(requirement, version), "{version} {requirement}");
        }
        for version in outside {
            assert!(!matches(requirement, version), "{version} {requirement}");
        }
    }
}

#[test]
fn all_parts_must_hold_and_blanks_do_not_matter() {
    for requirement in [">=1.2.0, <2", ">=1.2.0,<2", "  >= 1.2.0 ,  < 2 "] {
        assert!(matches(requirement, "1.2.0"), "{requirement}");
        assert!(!matches(requirement, "2.0.0"), "{requirement}");
        assert!(!matches(requirement, "1.1.0"), "{requirement}");
    }
}

#[test]
fn what_is_no_complete_version_matches_nothing() {
    for version in [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "v1.2.3",
        " 1.2.3",
        "1.2.3 ",
        "01.2.3",
        "1.02.3",
        "1.2.03",
        "1.2.3-",
        "1.2.3-a..b",
        "1.2.3-01",
        "1.2.3-a_b",
        "1.2.3+",
        "1.2.3+a..b",
        "-1.2.3",
        "+1.2.3",
        "1.-2.3",
        "1.2.x",
        "18446744073709551616.0.0",
        "1.2.3-é",
        "1,2,3",
    ] {
        assert!(!matches(">=0", version), "{version:?}");
    }
    assert!(!VersionRequirement::parse(">=0").unwrap().matches(b"1.2.3-\xff"));
    assert!(matches(">=0", "1.2.3-0a.-+01"));
}

#[test]
fn what_is_no_requirement_is_refused() {
    for text in [
        "",
        " ",
        "1.2.3",
        "*",
        "1.*",
        ">=",
        ">=x",
        ">=1.2.3.4",
        "=>1",
        "==1",
        "<>1",
        "!=1",
        "> =1",
        ">=1 <2",
        ">=1,",
        ",>=1",
        ">=1,,<2",
        ">=1.2-beta",
        ">=1+a",
        ">=01",
        "^1.2.3-",
        ">=v1",
        ">18446744073709551615",
        "~18446744073709551615",
        ">=1.2.3\t",
    ] {
        assert!(VersionRequirement::parse(text).is_none(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn complete_versions_are_ordered_as_their_numbers(a: [u8; 3], b: [u8; 3]) {
        let text = |n: [u8; 3]| format!("{}.{}.{}", n[0], n[1], n[2]);
        for (operator, expected) in [
            ("<", a < b), ("<=", a <= b), ("=", a == b), (">=", a >= b), (">", a > b),
        ] {
            prop_assert_eq!(matches(&format!("{operator}{}", text(b)), &text(a)), expected);
        }
    }

    #[test]
    fn a_pre_release_is_between_the_release_before_and_its_own(
        numbers in prop::array::uniform3(0u64..1000), pre in "[a-z][a-z0-9-]{0,5}(\\.[a-z]{1,3}){0,2}",
    ) {
        let [major, minor, patch] = numbers;
        let release = format!("{major}.{minor}.{patch}");
        let version = format!("{release}-{pre}");
        let (below, from) = (format!("<{release}"), format!(">={release}-0"));
        prop_assert!(matches(&below, &version) && matches(&from, &version));
        let begins = format!("={major}.{minor}");
        prop_assert!(matches(&begins, &version));
    }

    #[test]
    fn below_and_at_least_are_each_others_opposite(
        version in "[0-3]\\.[0-3]\\.[0-3](-[ab0-2]{1,2}(\\.[ab1]){0,2})?",
        bound in "[0-3](\\.[0-3]){0,2}",
    ) {
        prop_assume!(Version::parse(&version).is_some());
        for (one, other) in [("<", ">="), ("<=", ">")] {
            prop_assert_ne!(
                matches(&format!("{one}{bound}"), &version),
                matches(&format!("{other}{bound}"), &version)
            );
        }
    }

    #[test]
    fn any_bytes_are_a_version_or_none(value: Vec<u8>, text in "[0-9.+a-]{0,16}") {
        let requirement = VersionRequirement::parse(">=0").unwrap();
        let _ = (requirement.matches(&value), requirement.matches(text.as_bytes()));
    }

    #[test]
    fn any_text_is_a_requirement_or_none(text in "[0-9.<>=~^, a-]{0,20}", any: String) {
        let _ = (VersionRequirement::parse(&text), VersionRequirement::parse(&any));
    }
}
