#include "actors/secret.hpp"

#include <array>
#include <stdexcept>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace nsai::actors {
namespace {

std::string to_hex(unsigned char const* bytes, std::size_t count) {
  constexpr char const* digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string prove(std::string const& secret, std::string const& nonce) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  auto const* done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                          reinterpret_cast<unsigned char const*>(nonce.data()), nonce.size(),
                          digest.data(), &length);
  if (done == nullptr)
    throw std::runtime_error("HMAC-SHA256 failed in OpenSSL");
  return to_hex(digest.data(), length);
}

bool same_proof(std::string const& a, std::string const& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> buffer(bytes);
  if (RAND_bytes(buffer.data(), static_cast<int>(bytes)) != 1)
    throw std::runtime_error("OpenSSL could not give random bytes");
  return to_hex(buffer.data(), bytes);
}

}  // namespace nsai::actors
