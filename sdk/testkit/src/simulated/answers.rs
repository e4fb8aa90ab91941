//! The host functions of a [`SimulatedHost`].

use super::metrics::is_of_histogram;
use super::shared::QueueOwner;
use super::stream_info::is_compound;
use super::{Action, CalloutRequest, LogLine, SimulatedHost, grpc_cluster};
use crate::abi::{BufferKind, LogLevel, MapKind, MetricKind, Result, Status, StreamKind};
use crate::headers::HeaderMap;
use crate::host::{GrpcCall, GrpcStream, Host, HttpCall, LocalResponse};
use std::time::Duration;

impl SimulatedHost {
    fn context(&self) -> u32 {
        self.contexts.effective()
    }

    /// Whose header map it is: the answer to a call is the plugin's (`Context::getConstMap`).
    fn owner(&self, map: MapKind) -> (u32, MapKind) {
        let is_of_stream = map < MapKind::GrpcInitialMetadata;
        (if is_of_stream { self.context() } else { self.contexts.root() }, map)
    }

    fn change_headers(&mut self, map: MapKind, change: impl FnOnce(&mut HeaderMap)) -> Result<()> {
        let owner = self.owner(map);
        let is_of_stream = map < MapKind::GrpcInitialMetadata;
        if !is_of_stream || self.shows_log.contains(&owner.0) {
            return Err(Status::BAD_ARGUMENT);
        }
        if map == MapKind::RequestTrailers || map == MapKind::ResponseTrailers {
            self.begin_trailers(map);
        }
        let headers = self.headers.get_mut(&owner);
        headers.map(change).ok_or(Status::BAD_ARGUMENT)?;
        if map == MapKind::RequestHeaders {
            self.clear_route();
        }
        Ok(())
    }

    fn existing_headers(&self, map: MapKind) -> Result<&HeaderMap> {
        self.headers.get(&self.owner(map)).ok_or(Status::BAD_ARGUMENT)
    }

    fn clear_route(&mut self) {
        let context = self.context();
        self.cleared_routes.insert(context);
    }

    /// A message without trailers can get some in the callback of its last part (`Context::getMap`).
    fn begin_trailers(&mut self, map: MapKind) {
        let key = (self.context(), map);
        if self.new_trailers.contains(&key) {
            self.headers.entry(key).or_default();
        }
    }

    /// A call of an unknown cluster fails at once, and is closed all the same.
    fn start_grpc(&mut self, cluster: &str, request: CalloutRequest) -> Result<u32> {
        let token = self.callouts.start(self.contexts.root(), request);
        let is_known = self.clusters.contains(cluster.as_bytes());
        if is_known { Ok(token) } else { Err(Status::INTERNAL_FAILURE) }
    }

    fn plugin_property(&self, path: &[u8]) -> Option<Vec<u8>> {
        match path {
            b"plugin_name" => {
                Some(self.plugin_names.get(&self.contexts.root())?.clone().into_bytes())
            }
            _ => None,
        }
    }

    fn buffer(&self, buffer: BufferKind) -> Result<&[u8]> {
        let is_of_stream = buffer < BufferKind::HttpCallBody;
        let owner = if is_of_stream { self.context() } else { self.contexts.root() };
        let body = self.bodies.get(&(owner, buffer));
        match buffer {
            BufferKind::VmConfiguration => Ok(&self.vm_configuration),
            BufferKind::PluginConfiguration if self.contexts.callback() == "proxy_on_configure" => {
                Ok(&self.plugin_configuration)
            }
            BufferKind::PluginConfiguration | BufferKind::HttpCallBody => {
                body.map(Vec::as_slice).ok_or(Status::NOT_FOUND)
            }
            _ => Ok(body.map_or(&[], Vec::as_slice)),
        }
    }
}

/// Envoy's `source/extensions/common/wasm/context.cc`, as far as a module can tell.
impl Host for SimulatedHost {
    fn context_created(&mut self, context: u32, parent: u32) {
        self.contexts.create(context, parent);
    }

    fn context_deleted(&mut self, context: u32) {
        self.contexts.delete(context);
        self.headers.retain(|(it, _), _| *it != context);
        self.bodies.retain(|(it, _), _| *it != context);
        self.filter_state.forget(context);
        self.shows_log.remove(&context);
        self.cleared_routes.remove(&context);
        self.new_trailers.retain(|(it, _)| *it != context);
        self.released_headers.retain(|(it, _), _| *it != context);
        self.released_bodies.retain(|(it, _), _| *it != context);
        self.streams.remove(&context);
        self.tick_periods.remove(&context);
    }

    fn callback_begins(&mut self, callback: &'static str, context: u32) {
        self.contexts.enter(callback, context);
    }

    fn callback_ends(&mut self) {
        self.contexts.leave();
    }

    fn log(&mut self, level: LogLevel, message: &[u8]) -> Result<()> {
        if level >= self.log_level {
            let message = String::from_utf8_lossy(message).into_owned();
            self.log.push(LogLine { level, message });
        }
        Ok(())
    }

    fn get_log_level(&mut self) -> Result<LogLevel> {
        Ok(self.log_level)
    }

    fn get_current_time_nanoseconds(&mut self) -> u64 {
        nanoseconds(self.process.lock().unix_time)
    }

    fn monotonic_nanoseconds(&mut self) -> u64 {
        nanoseconds(self.process.lock().monotonic_time)
    }

    fn random(&mut self, buffer: &mut [u8]) {
        self.random.fill(buffer);
    }

    fn environment(&mut self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    fn set_tick_period_milliseconds(&mut self, period: u32) -> Result<()> {
        let root = self.contexts.root();
        self.tick_periods.insert(root, period);
        self.tick_changes.push((root, period));
        Ok(())
    }

    fn get_header_map_pairs(&mut self, map: MapKind) -> Result<HeaderMap> {
        Ok(self.existing_headers(map).cloned().unwrap_or_default())
    }

    fn set_header_map_pairs(&mut self, map: MapKind, pairs: HeaderMap) -> Result<()> {
        self.change_headers(map, |headers| *headers = pairs)
    }

    fn get_header_map_size(&mut self, map: MapKind) -> Result<u32> {
        self.existing_headers(map).map(|headers| size(headers.byte_size()))
    }

    fn get_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<Vec<u8>> {
        let value = self.existing_headers(map)?.get(name);
        value.map(<[u8]>::to_vec).ok_or(Status::NOT_FOUND)
    }

    fn add_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.add(name, value))
    }

    fn replace_header_map_value(&mut self, map: MapKind, name: &[u8], value: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.replace(name, value))
    }

    fn remove_header_map_value(&mut self, map: MapKind, name: &[u8]) -> Result<()> {
        self.change_headers(map, |headers| headers.remove(name))
    }

    fn get_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        max_size: usize,
    ) -> Result<Vec<u8>> {
        let bytes = self.buffer(buffer)?;
        let rest = bytes.get(start..).unwrap_or_default();
        Ok(rest.get(..max_size).unwrap_or(rest).to_vec())
    }

    fn get_buffer_status(&mut self, buffer: BufferKind) -> Result<u32> {
        self.buffer(buffer).map(|bytes| size(bytes.len()))
    }

    /// The beginning is replaced, or something is put in front or behind; nothing else
    /// (`Buffer::copyFrom`). Only the bodies of a stream can be written.
    fn set_buffer_bytes(
        &mut self,
        buffer: BufferKind,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<()> {
        if !matches!(buffer, BufferKind::RequestBody | BufferKind::ResponseBody) {
            return Err(Status::BAD_ARGUMENT);
        }
        let body = self.bodies.get_mut(&(self.contexts.effective(), buffer));
        let body = body.ok_or(Status::BAD_ARGUMENT)?;
        match start {
            0 => *body = [bytes, body.get(size..).unwrap_or_default()].concat(),
            start if start >= body.len() => body.extend_from_slice(bytes),
            _ => return Err(Status::BAD_ARGUMENT),
        }
        Ok(())
    }

    fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>> {
        let context = self.context();
        let of = |map| self.headers.get(&(context, map));
        let told = || {
            let (request, response) = (of(MapKind::RequestHeaders), of(MapKind::ResponseHeaders));
            self.streams.get(&context)?.get(path, request, response)
        };
        let written = || self.filter_state.get(context, path);
        let set = self.properties.get(path).cloned();
        let found = set.or_else(|| self.plugin_property(path)).or_else(told).or_else(written);
        let is_compound =
            || path.is_empty() || self.streams.contains_key(&context) && is_compound(path);
        found.ok_or_else(|| match is_compound() {
            true => Status::SERIALIZATION_FAILURE,
            false => Status::NOT_FOUND,
        })
    }

    fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<()> {
        if !self.contexts.is_stream(self.context()) {
            return Err(Status::NOT_FOUND);
        }
        self.filter_state.set((self.context(), self.contexts.root()), path, value)
    }

    fn get_shared_data(&mut self, key: &[u8]) -> Result<(Vec<u8>, u32)> {
        let mut process = self.process.lock();
        let read = process.shared_data.get(key).map(|(value, cas)| (value.to_vec(), cas));
        if let Some(others) = &mut self.meanwhile.0 {
            others(&mut process.shared_data, key);
        }
        read
    }

    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<()> {
        self.process.lock().shared_data.set(key, value, cas)
    }

    fn register_shared_queue(&mut self, name: &[u8]) -> Result<u32> {
        let owner = QueueOwner { vm: self.vm, root: self.contexts.root() };
        Ok(self.process.lock().queues.register(name, owner))
    }

    fn resolve_shared_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32> {
        let own = self.properties.get(&b"plugin_vm_id"[..]).map_or(&b""[..], Vec::as_slice);
        if !vm_id.is_empty() && vm_id != own {
            return Err(Status::NOT_FOUND);
        }
        self.process.lock().queues.resolve(name)
    }

    fn dequeue_shared_queue(&mut self, token: u32) -> Result<Vec<u8>> {
        self.process.lock().queues.dequeue(token)
    }

    fn enqueue_shared_queue(&mut self, token: u32, item: &[u8]) -> Result<()> {
        self.process.lock().queues.enqueue(token, item)
    }

    fn continue_stream(&mut self, stream: StreamKind) -> Result<()> {
        match stream {
            StreamKind::Request | StreamKind::Response => self.act(Action::Continue(stream)),
            StreamKind::Downstream => {}
            StreamKind::Upstream => return Err(Status::UNIMPLEMENTED),
        }
        self.release(self.context());
        Ok(())
    }

    fn close_stream(&mut self, stream: StreamKind) -> Result<()> {
        self.act(Action::Close(stream));
        Ok(())
    }

    fn send_local_response(&mut self, response: LocalResponse) -> Result<()> {
        self.act(Action::Reply(response));
        Ok(())
    }

    fn http_call(&mut self, call: HttpCall) -> Result<u32> {
        let required = [":method", ":path", ":authority"];
        let is_complete = required.iter().all(|name| call.headers.get(name).is_some());
        if !is_complete || !self.clusters.contains(&call.cluster) {
            return Err(Status::BAD_ARGUMENT);
        }
        Ok(self.callouts.start(self.contexts.root(), CalloutRequest::Http(call)))
    }

    fn grpc_call(&mut self, call: GrpcCall) -> Result<u32> {
        let cluster = grpc_cluster(&call.cluster)?;
        self.start_grpc(&cluster, CalloutRequest::Grpc(call))
    }

    fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32> {
        let cluster = grpc_cluster(&stream.cluster)?;
        self.start_grpc(&cluster, CalloutRequest::GrpcStream(stream))
    }

    fn grpc_send(&mut self, token: u32, message: &[u8], end_of_stream: bool) -> Result<()> {
        self.callouts.send(token, message, end_of_stream)
    }

    fn grpc_cancel(&mut self, token: u32) -> Result<()> {
        self.callouts.end(token)
    }

    fn grpc_close(&mut self, token: u32) -> Result<()> {
        self.callouts.end(token)
    }

    fn get_status(&mut self) -> Result<(u32, Vec<u8>)> {
        Ok(self.status.clone())
    }

    fn set_effective_context(&mut self, context: u32) -> Result<()> {
        self.contexts.set_effective(context)
    }

    fn call_foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>> {
        if name == b"clear_route_cache" {
            self.clear_route();
        }
        match self.foreign_functions.get(name) {
            Some(function) => function(arguments),
            None if name == b"declare_property" => {
                self.filter_state.declare(self.contexts.context(), arguments)
            }
            None => Err(Status::NOT_FOUND),
        }
    }

    fn define_metric(&mut self, kind: MetricKind, name: &[u8]) -> Result<u32> {
        let metric = (kind, String::from_utf8_lossy(name).into_owned());
        self.process.lock().metrics.define(metric.clone());
        Ok(self.metric_ids.add(metric))
    }

    fn get_metric(&mut self, metric: u32) -> Result<u64> {
        if is_of_histogram(metric) {
            return Err(Status::BAD_ARGUMENT);
        }
        let metric = self.metric_ids.find(metric)?;
        self.process.lock().metrics.get(&metric)
    }

    fn record_metric(&mut self, metric: u32, value: u64) -> Result<()> {
        let metric = self.metric_ids.find(metric).map_err(|_| Status::NOT_FOUND)?;
        self.process.lock().metrics.record(metric, value);
        Ok(())
    }

    fn increment_metric(&mut self, metric: u32, offset: i64) -> Result<()> {
        if is_of_histogram(metric) {
            return Err(Status::BAD_ARGUMENT);
        }
        let metric = self.metric_ids.find(metric)?;
        self.process.lock().metrics.increment(metric, offset)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
