#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "processes/file_descriptor.hpp"
#include "processes/process_spec.hpp"

/// What node, keeper and wardens say to each other.
///
/// Node and keeper: SOCK_SEQPACKET. The node sends a `keeper_request`; the keeper answers with a
/// `warden_made`, and, to `make_warden`, the warden's socket beside it (SCM_RIGHTS) unless `error`
/// says why there is none. Node and warden: SOCK_STREAM, frames of a 32-bit length (of what
/// follows), a kind, and the body. Both ends are the same program on the same machine, so numbers
/// are as they lie in memory.
namespace nsai::processes {

enum class keeper_task : std::uint8_t {
  make_warden,
  bury_warden  // it is dead or of no use: answered when nothing of what it ran is left
};

struct keeper_request {
  keeper_task task = keeper_task::make_warden;
  std::int32_t pid = 0;  // of the warden to bury
};

struct warden_made {
  std::int32_t pid = 0;
  std::int32_t error = 0;  // errno
};

enum class frame_kind : std::uint8_t {
  run,   // node -> warden: a process_spec, its descriptors beside it; only while nothing runs
  stop,  // node -> warden: a stop_order; without effect while nothing runs
  live,  // warden -> node: the program's process id
  over,  // warden -> node: a process_exit; the warden is free again
  limit  // node -> warden: another memory_limit_mb; without effect while nothing runs
};

struct stop_order {
  std::int32_t signal = 0;
  std::int64_t grace_ms = 0;
};

std::string encode(process_spec const& spec);
std::string encode(process_exit const& exit);
std::string encode(stop_order const& order);
std::string encode_live(std::int32_t pid);
std::string encode_limit(std::int64_t memory_limit_mb);

/// One frame taken out of a buffer.
struct frame {
  frame_kind kind = frame_kind::run;
  std::string body;
};

/// Removes the first whole frame from `buffer`; nothing when there is none yet. Throws
/// std::runtime_error when the bytes are no frame.
std::optional<frame> take_frame(std::string& buffer);

/// Throw std::runtime_error when the body is too short or too long.
process_spec decode_spec(std::string_view body);
process_exit decode_exit(std::string_view body);
stop_order decode_stop(std::string_view body);
std::int32_t decode_live(std::string_view body);
std::int64_t decode_limit(std::string_view body);

/// Sends everything, however often the kernel takes only a part. False when the other end is gone.
bool send_all(int socket, std::string_view bytes);

/// The same with descriptors (at most `most_descriptors`) beside the first byte.
bool send_all(int socket, std::string_view bytes, std::vector<int> const& descriptors);

/// What one recvmsg gave: bytes (0 at the end, below 0 with errno), and descriptors, which are the
/// caller's now.
struct received_part {
  ssize_t count = 0;
  std::vector<file_descriptor> descriptors;
};
received_part receive_part(int socket, char* buffer, std::size_t size);

inline constexpr std::size_t most_descriptors = 8;

}  // namespace nsai::processes
