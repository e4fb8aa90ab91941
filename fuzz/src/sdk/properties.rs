use std::rc::Rc;

use tollgate::abi::Result;
use tollgate::abi::native::{self, Host};
use tollgate::properties::Properties;

/// What the host answers for any attribute, whatever kind it should be of: each is decoded or refused.
pub fn properties(data: &[u8]) {
    native::install(Rc::new(Answer(data.to_vec())));
    let properties = Properties;
    if let Ok(Some(metadata)) = properties.metadata() {
        for path in [&[][..], &["a"], &["a", "0"], &["", "1", "b"]] {
            let _ = metadata.value("a", path);
            let _ = metadata.value("", path);
        }
        let _ = metadata.typed("a");
    }
    let whole = properties.xds().node().metadata(&[]);
    let member = properties.xds().node().metadata(&["a"]);
    if let Ok(Some(whole)) = whole {
        // Nothing else of it is decoded, so the part may be there where the whole is not.
        let expected = whole.get("a").cloned();
        assert_eq!(member.ok(), Some(expected), "a part is not what the whole has there");
    }
    let text = properties.plugin_name().map(|text| text.map(|text| text.to_vec()));
    assert_eq!(text, Ok(Some(data.to_vec()).filter(|text| !text.is_empty())));
    let (request, response) = (properties.request(), properties.response());
    let _ = (request.size(), request.protocol(), request.time());
    let _ = (response.code(), response.flags(), response.code_details());
    let _ = (properties.source().address(), properties.connection().id());
    let _ = properties.upstream().address();
}

/// Answers the same to every question.
struct Answer(Vec<u8>);

impl Host for Answer {
    fn property(&self, _path: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(Some(self.0.clone()))
    }
}
