#include "stages/host_protocol.hpp"

#include <stdexcept>

#include "messages/bounded_json.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t head_bytes = 4;

std::uint32_t length_at(std::string_view bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < head_bytes; ++i)
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return length;
}

}  // namespace

std::string host_frame_of(host_frame kind, json const& document) {
  std::string bytes(head_bytes, '\0');
  bytes += static_cast<char>(kind);
  json::to_cbor(document, nlohmann::detail::output_adapter<char>(bytes));
  auto const length = static_cast<std::uint32_t>(bytes.size() - head_bytes);
  for (std::size_t i = 0; i < head_bytes; ++i)
    bytes[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  return bytes;
}

std::optional<host_frame_reader::frame> host_frame_reader::next() {
  auto const rest = std::string_view{buffer_}.substr(at_);
  if (rest.size() < head_bytes)
    return std::nullopt;
  std::size_t const length = length_at(rest);
  if (length == 0 || length > longest_host_frame)
    throw std::invalid_argument("a host frame of " + std::to_string(length) +
                                " bytes is not allowed; expected 1 to " +
                                std::to_string(longest_host_frame));
  if (rest.size() < head_bytes + length)
    return std::nullopt;
  auto const kind = static_cast<std::uint8_t>(rest[head_bytes]);
  if (kind > static_cast<std::uint8_t>(host_frame::described))
    throw std::invalid_argument("a host frame of kind " + std::to_string(kind) +
                                " is not allowed; expected 0 to 5");
  auto const body = rest.substr(head_bytes + 1, length - 1);
  frame taken{static_cast<host_frame>(kind), read_cbor(body)};
  at_ += head_bytes + length;
  // Moving what is left only when it is the smaller part makes a frame cost its own length.
  if (at_ * 2 > buffer_.size()) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  return taken;
}

}  // namespace nsai::stages
