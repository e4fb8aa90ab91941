use tollgate::headers::HeaderMap;

/// The buffer of a header map, however absurd its numbers are: it is read as one that follows the
/// numbers step by step would read it, or refused where that one would leave the buffer.
pub fn headers(data: &[u8]) {
    let decoded = HeaderMap::from_buffer(data.to_vec()).ok();
    let expected = step_by_step(data);
    assert_eq!(decoded.is_some(), expected.is_some(), "accepted by one of the two");
    let (Some(map), Some(pairs)) = (decoded, expected) else { return };

    assert_eq!(map.as_buffer(), data);
    assert_eq!((map.len(), map.is_empty()), (pairs.len(), pairs.is_empty()));
    assert!(map.iter().eq(pairs.iter().copied()), "other pairs");
    for (name, _) in &pairs {
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let values = pairs.iter().filter(|(other, _)| *other == name.as_bytes());
        assert!(map.get_all(name).eq(values.map(|(_, value)| *value)));
        assert_eq!(map.get(name), map.get_all(name).next());
    }

    let made = HeaderMap::from_pairs(pairs.iter().copied());
    assert!(made.iter().eq(pairs.iter().copied()), "other pairs in the map that is made of them");
    let read = HeaderMap::from_buffer(made.as_buffer().to_vec());
    assert_eq!(read, Ok(made), "what is made cannot be read");
}

type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

fn step_by_step(buffer: &[u8]) -> Option<Pairs<'_>> {
    if buffer.is_empty() {
        return Some(Vec::new());
    }
    let count = number(buffer, 0)?;
    let mut lengths = Vec::new();
    for index in 0..count {
        lengths.push((number(buffer, 4 + 8 * index)?, number(buffer, 8 + 8 * index)?));
    }
    let mut at = 4 + 8 * count;
    let mut part = |length: usize| {
        let part = buffer.get(at..at.checked_add(length)?)?;
        at += length + 1;
        Some(part)
    };
    lengths.into_iter().map(|(name, value)| Some((part(name)?, part(value)?))).collect()
}

fn number(buffer: &[u8], at: usize) -> Option<usize> {
    let bytes = buffer.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}
