#include "processes/wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <sys/socket.h>

namespace nsai::processes {
namespace {

/// argv and environment are bounded by the kernel at about 2 MiB; nothing that is longer can be
/// meant.
constexpr std::uint32_t longest_frame = 16 * 1024 * 1024;

class writer {
 public:
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void put(T value) { bytes_.append(reinterpret_cast<char const*>(&value), sizeof value); }
  void put(std::string const& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  void put(std::vector<std::string> const& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (auto const& text : list)
      put(text);
  }
  void put(std::optional<int> value) {
    put(value.has_value());
    put(value.value_or(0));
  }
  std::string framed(frame_kind kind) const {
    writer head;
    head.put(static_cast<std::uint32_t>(bytes_.size() + 1));
    head.put(kind);
    return head.bytes_ + bytes_;
  }

 private:
  std::string bytes_;
};

class reader {
 public:
  explicit reader(std::string_view bytes) : bytes_(bytes) {}
  ~reader() noexcept(false) {
    if (!bytes_.empty() && std::uncaught_exceptions() == 0)
      throw std::runtime_error("processes: a frame with bytes left over");
  }

  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void get(T& value) { std::memcpy(&value, take(sizeof value).data(), sizeof value); }
  void get(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > 1)
      throw std::runtime_error("processes: a byte that is neither true nor false");
    value = byte != 0;
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = take(size);
  }
  void get(std::vector<std::string>& list) {
    std::uint32_t size = 0;
    get(size);
    for (std::uint32_t i = 0; i < size; ++i)
      get(list.emplace_back());
  }
  void get(std::optional<int>& value) {
    bool there = false;
    int number = 0;
    get(there);
    get(number);
    if (there)
      value = number;
  }

 private:
  std::string_view take(std::size_t size) {
    if (size > bytes_.size())
      throw std::runtime_error("processes: a frame that is too short");
    auto const part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::string_view bytes_;
};

/// One list of the members for both directions.
template <class Spec, class Do>
void members_of_spec(Spec& s, Do&& each) {
  each(s.argv, s.env, s.cwd, s.stdout_path, s.stderr_path, s.log_path, s.log_limit_bytes,
       s.memory_limit_mb, s.inherited, s.reads_own_output, s.stuck_after_ms);
}
template <class Exit, class Do>
void members_of_exit(Exit& e, Do&& each) {
  each(e.exit_status, e.signal, e.fault, e.fault_errno, e.fault_text, e.stopped, e.memory_exceeded,
       e.lost, e.stuck_below, e.peak_memory_mb, e.duration_ms, e.cpu_ms, e.log_bytes,
       e.output_bytes, e.log_truncated, e.log_errno, e.stderr_tail);
}

}  // namespace

std::string encode(process_spec const& spec) {
  writer w;
  members_of_spec(spec, [&](auto const&... each) { (w.put(each), ...); });
  return w.framed(frame_kind::run);
}

std::string encode(process_exit const& exit) {
  writer w;
  members_of_exit(exit, [&](auto const&... each) { (w.put(each), ...); });
  return w.framed(frame_kind::over);
}

std::string encode(stop_order const& order) {
  writer w;
  w.put(order.signal);
  w.put(order.grace_ms);
  return w.framed(frame_kind::stop);
}

std::string encode_live(std::int32_t pid) {
  writer w;
  w.put(pid);
  return w.framed(frame_kind::live);
}

std::string encode_limit(std::int64_t memory_limit_mb) {
  writer w;
  w.put(memory_limit_mb);
  return w.framed(frame_kind::limit);
}

std::optional<frame> take_frame(std::string& buffer) {
  std::uint32_t length = 0;
  if (buffer.size() < sizeof length)
    return std::nullopt;
  std::memcpy(&length, buffer.data(), sizeof length);
  if (length == 0 || length > longest_frame)
    throw std::runtime_error("processes: a frame of " + std::to_string(length) + " bytes");
  if (buffer.size() < sizeof length + length)
    return std::nullopt;
  auto const kind = static_cast<std::uint8_t>(buffer[sizeof length]);
  if (kind > static_cast<std::uint8_t>(frame_kind::limit))
    throw std::runtime_error("processes: a frame of an unknown kind");
  frame result{static_cast<frame_kind>(kind), buffer.substr(sizeof length + 1, length - 1)};
  buffer.erase(0, sizeof length + length);
  return result;
}

process_spec decode_spec(std::string_view body) {
  process_spec spec;
  reader r{body};
  members_of_spec(spec, [&](auto&... each) { (r.get(each), ...); });
  return spec;
}

process_exit decode_exit(std::string_view body) {
  process_exit exit;
  reader r{body};
  members_of_exit(exit, [&](auto&... each) { (r.get(each), ...); });
  return exit;
}

stop_order decode_stop(std::string_view body) {
  stop_order order;
  reader r{body};
  r.get(order.signal);
  r.get(order.grace_ms);
  return order;
}

std::int32_t decode_live(std::string_view body) {
  std::int32_t pid = 0;
  reader{body}.get(pid);
  return pid;
}

std::int64_t decode_limit(std::string_view body) {
  std::int64_t mb = 0;
  reader{body}.get(mb);
  return mb;
}

bool send_all(int socket, std::string_view bytes, std::vector<int> const& descriptors) {
  if (descriptors.empty() || bytes.empty())
    return send_all(socket, bytes);
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  auto const size = std::min(descriptors.size(), most_descriptors) * sizeof(int);
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(size);
  auto* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(item), descriptors.data(), size);
  ssize_t sent = 0;
  while ((sent = ::sendmsg(socket, &header, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  return sent > 0 && send_all(socket, bytes.substr(static_cast<std::size_t>(sent)));
}

received_part receive_part(int socket, char* buffer, std::size_t size) {
  received_part got;
  iovec part{buffer, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  got.count = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got.count < 0)
    return got;
  for (auto* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
      continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= item->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + at, sizeof fd);
      got.descriptors.emplace_back(fd);
    }
  }
  return got;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace nsai::processes
