use super::*;
use crate::properties::testing::given;

/// The order of `CoreResponseFlag`, and the abbreviations of Envoy's documentation of access logs.
#[test]
fn response_flags_have_the_bits_and_names_of_envoys_access_log() {
    let names: Vec<_> = ResponseFlag::ALL.iter().map(|flag| flag.short_name()).collect();
    let expected = "LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF \
                    DT UPE NC OM DF DO DR UDO";
    assert_eq!(names.join(" "), expected);
    for (bit, flag) in ResponseFlag::ALL.iter().enumerate() {
        let flags = ResponseFlags::from_bits(1 << bit);
        assert!(flags.contains(*flag));
        assert_eq!(flags.iter().collect::<Vec<_>>(), [*flag]);
    }
    let newer = given((-1i64).to_le_bytes(), |p| p.response().flags()).unwrap().unwrap();
    assert_eq!((newer.bits(), newer.iter().count()), (u64::MAX, 30));
}
