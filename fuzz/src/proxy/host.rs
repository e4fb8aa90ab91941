//! What Envoy answers, and where it fails.

use tollgate::abi::native::Host;
use tollgate::abi::{
    BufferKind, HostError, LocalResponse, MapKind, MetricKind, Result, Status, StreamKind,
    Versioned,
};
use tollgate::headers::HeaderMap;

use super::{LONGEST_LINE, MILLISECOND, MONOTONIC, Proxy, UNIX, signatures};

impl Host for Proxy {
    fn log(&self, _level: u32, message: &str) -> Result<()> {
        assert!(!message.contains(char::is_control), "more than one line: {message:?}");
        assert!(message.len() < LONGEST_LINE, "{} bytes in a line", message.len());
        let secrets = self.secrets.borrow();
        assert!(!secrets.iter().any(|secret| message.contains(secret)), "a secret is logged");
        self.fails("proxy_log")
    }

    fn log_level(&self) -> Result<u32> {
        self.fails("proxy_get_log_level").map(|()| 2)
    }

    fn unix_nanoseconds(&self) -> Result<u64> {
        self.fails("proxy_get_current_time_nanoseconds").map(|()| UNIX + self.now.get())
    }

    fn monotonic_nanoseconds(&self) -> Result<u64> {
        self.fails("clock_time_get").map(|()| MONOTONIC + self.now.get())
    }

    fn random_seed(&self) -> Result<u64> {
        self.seed.set(self.seed.get() + 1);
        self.fails("random_get").map(|()| self.seed.get())
    }

    fn set_tick_period(&self, milliseconds: u32) -> Result<()> {
        self.fails("proxy_set_tick_period_milliseconds")?;
        let (mut ticks, period) = (self.ticks.borrow_mut(), u64::from(milliseconds) * MILLISECOND);
        match milliseconds {
            0 => ticks.remove(&self.effective.get()),
            _ => ticks.insert(self.effective.get(), (period, self.now.get() + period)),
        };
        Ok(())
    }

    fn buffer(&self, kind: BufferKind, start: usize, size: usize) -> Result<Vec<u8>> {
        self.fails("proxy_get_buffer_bytes")?;
        let missing = HostError::new("proxy_get_buffer_bytes", Status::NotFound);
        let bytes = match kind {
            BufferKind::PluginConfiguration => self.configuration.borrow().clone(),
            BufferKind::RequestBody | BufferKind::ResponseBody => {
                let part = |body: &mut Vec<u8>| {
                    let end = start.saturating_add(size).min(body.len());
                    body.get(start..end).map(<[u8]>::to_vec)
                };
                self.with_body(kind as u32, part).flatten().ok_or(missing)?
            }
            _ => return Err(missing),
        };
        Ok(self.bytes(bytes))
    }

    /// As `Buffer::copyFrom` in Envoy's `source/extensions/common/wasm/context.cc`.
    fn set_buffer(&self, kind: BufferKind, start: usize, size: usize, data: &[u8]) -> Result<()> {
        self.fails("proxy_set_buffer_bytes")?;
        let change = |body: &mut Vec<u8>| match (start, size) {
            (0, 0) => {
                body.splice(0..0, data.iter().copied());
                true
            }
            (0, size) if size >= body.len() => {
                *body = data.to_vec();
                true
            }
            (start, _) if start > 0 && start >= body.len() => {
                body.extend_from_slice(data);
                true
            }
            _ => false,
        };
        match self.with_body(kind as u32, change) {
            Some(true) => Ok(()),
            _ => Err(HostError::new("proxy_set_buffer_bytes", Status::BadArgument)),
        }
    }

    fn header_map(&self, kind: MapKind) -> Result<Vec<u8>> {
        self.fails("proxy_get_header_map_pairs")?;
        let map = self.with_headers(kind, |headers| {
            HeaderMap::from_pairs(headers.iter().map(|(name, value)| (name, value)))
        });
        Ok(self.bytes(map.unwrap_or_default().as_buffer().to_vec()))
    }

    fn header_value(&self, kind: MapKind, name: &str) -> Result<Option<Vec<u8>>> {
        self.fails("proxy_get_header_map_value")?;
        self.with_headers(kind, |headers| {
            headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone())
        })
    }

    fn replace_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.fails("proxy_replace_header_map_value")?;
        self.with_headers(kind, |headers| {
            headers.retain(|(it, _)| it != name);
            headers.push((name.to_owned(), value.to_vec()));
        })
    }

    fn add_header(&self, kind: MapKind, name: &str, value: &[u8]) -> Result<()> {
        self.fails("proxy_add_header_map_value")?;
        self.with_headers(kind, |headers| headers.push((name.to_owned(), value.to_vec())))
    }

    fn remove_header(&self, kind: MapKind, name: &str) -> Result<()> {
        self.fails("proxy_remove_header_map_value")?;
        self.with_headers(kind, |headers| headers.retain(|(it, _)| it != name))
    }

    fn property(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.fails("proxy_get_property")?;
        let details = || self.exchange(self.effective.get()).code_details.into_bytes();
        let value = match path {
            b"xds\0cluster_name" => b"backend".to_vec(),
            b"response\0code_details" => details(),
            b"source\0address" => b"192.0.2.7:4711".to_vec(),
            b"plugin_name" => b"fuzz".to_vec(),
            _ => return Ok(None),
        };
        Ok(Some(self.bytes(value)))
    }

    /// What was written is there or cannot be read: counts over several VMs rely on it. The target
    /// `shared_cell` has bytes that nobody has written.
    fn shared_data(&self, key: &str) -> Result<Option<Versioned>> {
        self.fails("proxy_get_shared_data")?;
        Ok(self.shared.borrow().get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8], cas: u32) -> Result<()> {
        self.fails("proxy_set_shared_data")?;
        let mut shared = self.shared.borrow_mut();
        if shared.get(key).is_some_and(|(_, current)| cas != 0 && cas != *current) {
            return Err(HostError::new("proxy_set_shared_data", Status::CasMismatch));
        }
        self.last_cas.set(self.last_cas.get() + 1);
        shared.insert(key.to_owned(), (value.to_vec(), self.last_cas.get()));
        Ok(())
    }

    fn continue_stream(&self, kind: StreamKind) -> Result<()> {
        self.fails("proxy_continue_stream")?;
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.continued |= kind == StreamKind::Request;
            exchange.asked_to_continue.push(kind);
        }
        Ok(())
    }

    fn close_stream(&self, _kind: StreamKind) -> Result<()> {
        self.fails("proxy_close_stream")?;
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.reset = true;
        }
        Ok(())
    }

    fn send_local_response(&self, response: &LocalResponse<'_>) -> Result<()> {
        self.fails("proxy_send_local_response")?;
        assert!((200..600).contains(&response.status), "an answer with {}", response.status);
        if let Some(exchange) = self.streams.borrow_mut().get_mut(&self.effective.get()) {
            exchange.replies += 1;
            exchange.reply = Some(response.status);
            exchange.code_details = response.details.to_owned();
        }
        Ok(())
    }

    fn set_effective_context(&self, context: u32) -> Result<()> {
        self.fails("proxy_set_effective_context")?;
        let is_there =
            self.roots.borrow().contains(&context) || self.streams.borrow().contains_key(&context);
        if !is_there {
            return Err(HostError::new("proxy_set_effective_context", Status::BadArgument));
        }
        self.effective.set(context);
        Ok(())
    }

    fn call_foreign_function(&self, name: &str, arguments: &[u8]) -> Result<Vec<u8>> {
        self.fails("proxy_call_foreign_function")?;
        match name {
            "clear_route_cache" => Ok(Vec::new()),
            "verify_signature" => Ok(self.bytes(signatures::verify(arguments))),
            _ => Err(HostError::new("proxy_call_foreign_function", Status::NotFound)),
        }
    }

    fn define_metric(&self, _kind: MetricKind, name: &str) -> Result<u32> {
        self.fails("proxy_define_metric")?;
        let mut metrics = self.metrics.borrow_mut();
        let id = metrics.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
            metrics.push((name.to_owned(), 0));
            metrics.len() - 1
        });
        u32::try_from(id)
            .map_err(|_| HostError::new("proxy_define_metric", Status::InternalFailure))
    }

    fn metric(&self, id: u32) -> Result<u64> {
        self.fails("proxy_get_metric")?;
        let metrics = self.metrics.borrow();
        let metric = metrics.get(id as usize).map(|(_, value)| *value);
        metric.ok_or(HostError::new("proxy_get_metric", Status::NotFound))
    }

    /// For a metric that there is, this and the next cannot fail (`Context::recordMetric` in Envoy's
    /// `source/extensions/common/wasm/context.cc`): counts in two gauges rely on it.
    fn record_metric(&self, id: u32, value: u64) -> Result<()> {
        self.change_metric(id, |_| value)
    }

    fn increment_metric(&self, id: u32, offset: i64) -> Result<()> {
        self.change_metric(id, |value| value.wrapping_add_signed(offset))
    }
}
