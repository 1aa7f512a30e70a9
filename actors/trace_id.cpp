#include "actors/trace_id.hpp"

#include <array>

namespace nsai::actors {
namespace {

/// The finaliser of SplitMix64: different inputs have different outputs, which look random.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void put_hex(std::string& to, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 16; i-- > 0; value >>= 4)
    to[at + i] = "0123456789abcdef"[value & 15];
}

}  // namespace

std::uint64_t trace_seed(std::string_view uuid) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (char const c : uuid)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string trace_id_of(std::uint64_t seed, job_id root) {
  std::string text(32, '0');
  put_hex(text, 0, mixed(seed) | 1);  // never all zero, which W3C forbids
  put_hex(text, 16, mixed(seed ^ mixed(root.value)));
  return text;
}

}  // namespace nsai::actors
