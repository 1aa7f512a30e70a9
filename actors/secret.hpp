#pragma once

#include <string>

namespace nsai::actors {

/// HMAC-SHA256 of `nonce` under `secret`, as 64 lower-case hex digits.
std::string prove(std::string const& secret, std::string const& nonce);

/// Compares two proofs in a time that does not depend on where they differ.
bool same_proof(std::string const& a, std::string const& b);

/// `bytes` bytes from the system's generator, as hex digits.
std::string random_hex(std::size_t bytes);

}  // namespace nsai::actors
