#include "stages/sha256.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>

#include "messages/field_list.hpp"

namespace nsai::stages {
namespace {

class sha256 {
 public:
  sha256() : state_(::EVP_MD_CTX_new()) {
    check(state_ != nullptr && ::EVP_DigestInit_ex(state_.get(), ::EVP_sha256(), nullptr) == 1);
  }
  void add(std::string_view bytes) {
    check(::EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    check(::EVP_DigestFinal_ex(state_.get(), digest.data(), &size) == 1);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex += "0123456789abcdef"[digest[i] >> 4U];
      hex += "0123456789abcdef"[digest[i] & 15U];
    }
    return hex;
  }

 private:
  /// Only memory can be missing.
  static void check(bool worked) {
    if (!worked)
      throw std::bad_alloc();
  }
  struct release {
    void operator()(EVP_MD_CTX* state) const { ::EVP_MD_CTX_free(state); }
  };
  std::unique_ptr<EVP_MD_CTX, release> state_;
};

}  // namespace

std::string sha256_of_text(std::string_view text) {
  sha256 hash;
  hash.add(text);
  return hash.finish();
}

std::string sha256_of_file(std::filesystem::path const& file, std::string const& field) {
  std::ifstream in{file, std::ios::binary};
  if (!in || std::filesystem::is_directory(file))
    throw shape_error(field, file.string() + " cannot be read", "a file");
  sha256 hash;
  std::array<char, 65536> buffer;
  while (in.read(buffer.data(), buffer.size()), in.gcount() > 0)
    hash.add({buffer.data(), static_cast<std::size_t>(in.gcount())});
  if (in.bad())
    throw shape_error(field, file.string() + " could not be read to its end", "a file");
  return hash.finish();
}

}  // namespace nsai::stages
