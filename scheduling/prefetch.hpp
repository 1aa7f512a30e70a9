#pragma once

#include <cstddef>

namespace nsai::scheduling {

/// What lies there will be asked for soon: of a million jobs and thousands of nodes most are not in
/// the cache. The empty statement is an effect: g++ takes a function that does nothing but
/// __builtin_prefetch for one without any, and drops the calls that it has not put in line.
inline void prefetch_lines(void const* from, std::size_t bytes) {
  constexpr std::size_t line = 64;
  auto const* const first = static_cast<char const*>(from);
  for (std::size_t at = 0; at < bytes; at += line)
    __builtin_prefetch(first + at);
  if (bytes > 0)
    __builtin_prefetch(first + bytes - 1);
  asm volatile("");
}

}  // namespace nsai::scheduling
