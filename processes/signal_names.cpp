#include "processes/signal_names.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <signal.h>
#include <string.h>

namespace nsai::processes {

std::optional<int> signal_number(std::string_view name) {
  int number = 0;
  auto const* end = name.data() + name.size();
  auto const parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end)
    return number >= 1 && number <= SIGRTMAX ? std::optional<int>(number) : std::nullopt;

  std::string wanted(name);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (!wanted.starts_with("SIG"))
    wanted.insert(0, "SIG");
  for (int candidate = 1; candidate <= SIGRTMAX; ++candidate)
    if (signal_name(candidate) == wanted)
      return candidate;
  return std::nullopt;
}

std::string signal_name(int number) {
  if (number == SIGRTMIN)
    return "SIGRTMIN";
  if (number > SIGRTMIN && number <= SIGRTMAX)
    return "SIGRTMIN+" + std::to_string(number - SIGRTMIN);
  if (char const* abbreviation = ::sigabbrev_np(number))
    return std::string("SIG") + abbreviation;
  return "signal " + std::to_string(number);
}

}  // namespace nsai::processes
