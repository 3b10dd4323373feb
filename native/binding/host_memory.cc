#include "binding/host_memory.h"

#include <string>
#include <utility>

#include "binding/values.h"

namespace gemmule {
namespace {

/// Node frees the memory of a collected buffer only when the event loop turns. A synchronous loop that leaves its
/// tensors to the collector would fill the machine; beyond this much, memory is V8's own, which is freed by the
/// collector itself.
constexpr std::size_t kMostExternalBytes = std::size_t{512} << 20;

}  // namespace

/// What V8 hands back when the buffer is gone.
struct HostBuffers::Owner {
  std::shared_ptr<State> state;
  std::shared_ptr<HostMemory> memory;
  bool counted;
};

void HostBuffers::drop(Owner& owner) {
  if (owner.memory == nullptr) return;
  owner.state->owners.erase(owner.memory->data());
  if (owner.counted) owner.state->bytes -= owner.memory->size();
  owner.memory.reset();
}

napi_status HostBuffers::wrap(Napi::Env env, const std::shared_ptr<State>& state, std::shared_ptr<HostMemory> memory,
                              bool counted, napi_value* buffer) {
  const auto finalize = [](napi_env, void*, void* hint) {
    auto* owner = static_cast<Owner*>(hint);
    drop(*owner);
    delete owner;
  };
  std::byte* data = memory->data();
  const std::size_t bytes = memory->size();
  auto owner = std::make_unique<Owner>(Owner{state, std::move(memory), counted});
  const napi_status status = napi_create_external_arraybuffer(env, data, bytes, finalize, owner.get(), buffer);
  if (status != napi_ok) return status;
  state->owners.emplace(data, owner.get());
  if (counted) state->bytes += bytes;
  owner.release();
  return napi_ok;
}

Napi::Value HostBuffers::allocate(Napi::Env env, std::size_t bytes) {
  napi_value buffer = nullptr;
  if (bytes > 0 && state_->bytes + bytes <= kMostExternalBytes) {
    MemoryBlock block = MemoryBlock::make(bytes, MemoryKind::kTensor);
    if (block.data() != nullptr &&
        wrap(env, state_, std::make_shared<HostMemory>(std::move(block)), true, &buffer) == napi_ok) {
      return {env, buffer};
    }
    clearException(env);
  }
  // By the constructor: napi_create_arraybuffer ends the process when memory runs out.
  napi_value size = Napi::Number::New(env, static_cast<double>(bytes));
  const Napi::Value constructor = env.Global().Get("ArrayBuffer");
  if (napi_new_instance(env, constructor, 1, &size, &buffer) == napi_ok) return {env, buffer};
  clearException(env);
  throwError(env, "no memory for a tensor of " + std::to_string(bytes) + " bytes", "ERR_OUT_OF_MEMORY");
  return {};
}

Napi::Value HostBuffers::map(Napi::Env env, const std::string& path) {
  FileMap map;
  if (Status status = mapFile(path, map); !status.isOk()) {
    throwError(env, status.message(), "ERR_FILE");
    return {};
  }
  napi_value buffer = nullptr;
  if (map.bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  if (wrap(env, state_, std::make_shared<HostMemory>(map), false, &buffer) != napi_ok) {
    clearException(env);
    throwError(env, "a file of " + std::to_string(map.bytes) + " bytes is too large for an ArrayBuffer", "ERR_FILE");
    return {};
  }
  return {env, buffer};
}

bool HostBuffers::release(Napi::Env env, Napi::ArrayBuffer buffer) {
  const auto found = state_->owners.find(buffer.Data());
  if (found == state_->owners.end() || buffer.ByteLength() == 0) return false;
  // Detaching may run the finalizer, now or later.
  const std::shared_ptr<HostMemory> memory = found->second->memory;
  drop(*found->second);
  if (napi_detach_arraybuffer(env, buffer) != napi_ok) clearException(env);
  return true;
}

std::shared_ptr<HostMemory> HostBuffers::find(const void* start) const {
  const auto found = state_->owners.find(start);
  return found == state_->owners.end() ? nullptr : found->second->memory;
}

}  // namespace gemmule
