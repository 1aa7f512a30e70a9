#include "stages/learning/network_file.hpp"

#include <cstring>
#include <fstream>
#include <limits>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "stages/learning/pair_features.hpp"
#include "stages/learning/verifier_model.hpp"
#include "tests/learning/work_folder.hpp"

using namespace nsai;
using namespace nsai::stages;
using kind = network_file::kind_of_file;

namespace {

network_file small(kind of) {
  network_file file{of, {{"labels", {"A", "B"}}}, fresh_network({3, 2, 2}, 5)};
  file.network.steps = 7;
  if (of == kind::model) {
    file.network.first_moments.clear();
    file.network.second_moments.clear();
  }
  return file;
}

std::string refusal(std::string const& bytes, kind expected = kind::model) {
  try {
    network_of(bytes, expected, "x.nsai", "model");
  } catch (shape_error const& e) {
    return e.what();
  }
  return "";
}

/// The bytes with a checksum that holds again.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  auto const sum = fnv1a(bytes);
  return bytes.append(reinterpret_cast<char const*>(&sum), 8);
}

std::string replaced(std::string bytes, std::string const& from, std::string const& to) {
  REQUIRE(from.size() == to.size());
  auto const at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  return resealed(bytes.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("what is written is read again, a model without moments and a checkpoint with them") {
  for (auto const of : {kind::model, kind::checkpoint}) {
    auto const file = small(of);
    auto const again = network_of(bytes_of(file), of, "x", "f");
    CHECK(again.network.parameters == file.network.parameters);
    CHECK(again.network.first_moments == file.network.first_moments);
    CHECK(again.network.second_moments == file.network.second_moments);
    CHECK(again.network.steps == 7);
    CHECK(again.about == file.about);
    CHECK(bytes_of(again) == bytes_of(file));
  }
}

TEST_CASE("the hash is FNV-1a's with 64 bits") {
  CHECK(fnv1a("") == 0xcbf29ce484222325U);
  CHECK(fnv1a("a") == 0xaf63dc4c8601ec8cU);
  CHECK(fnv1a("b", fnv1a("a")) == fnv1a("ab"));
}

TEST_CASE("a file that was cut off anywhere is refused, and so is one with any byte changed") {
  auto const bytes = bytes_of(small(kind::model));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_MESSAGE(!refusal(bytes.substr(0, size)).empty(), size);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    CHECK_MESSAGE(!refusal(changed).empty(), at);
  }
  CHECK(!refusal(bytes + "x").empty());
  CHECK(refusal(bytes).empty());
}

TEST_CASE("errors tell what came and what was expected") {
  auto const bytes = bytes_of(small(kind::model));
  CHECK(refusal("PK something") ==
        "model: x.nsai: no network file; expected one that begins with NSAINET");
  CHECK(refusal(bytes.substr(0, 100)).find("100 bytes; expected those of a head of") !=
        std::string::npos);
  auto newer = bytes;
  newer[8] = 2;
  CHECK(refusal(resealed(newer)) == "model: x.nsai: format version 2; expected version 1");
  CHECK(refusal(bytes, kind::checkpoint) ==
        "model: x.nsai: a file of kind the string \"model\"; expected a checkpoint");
  CHECK(refusal(replaced(bytes, "\"hidden\":2", "\"hidden\":3")) ==
        "model: x.nsai: 14 numbers; expected 20 for its network of 3 x 3 x 2");
  CHECK(refusal(replaced(bytes, "\"hidden\":2", "\"hidden\":0")).find("network.hidden") !=
        std::string::npos);
  CHECK(refusal(replaced(bytes, "\"labels\"", "\"labels ")).find("a head that cannot be read") !=
        std::string::npos);
  auto infinite = small(kind::model);
  infinite.network.parameters[3] = std::numeric_limits<float>::infinity();
  CHECK(refusal(bytes_of(infinite)).find("numbers that are not finite") != std::string::npos);
}

TEST_CASE("sizes that would overflow are refused before anything is allocated") {
  auto bytes = bytes_of(small(kind::model));
  for (std::uint64_t const count :
       {~std::uint64_t{0}, std::uint64_t{1} << 62U, std::uint64_t{0x4000000000000000U} + 14}) {
    std::memcpy(bytes.data() + 16, &count, 8);
    CHECK(refusal(resealed(bytes)).find("expected those of a head") != std::string::npos);
  }
  auto whole = small(kind::model);
  whole.network.shape = {1U << 24U, 1U << 16U, 1024};
  CHECK(refusal(bytes_of(whole)).find("14 numbers; expected") != std::string::npos);
}

TEST_CASE("a file is written whole, and one that cannot be written is told") {
  tests::work_folder where;
  auto const file = where.path / "below/x.nsai";
  write_network(file, small(kind::model));
  CHECK(read_network(file, kind::model, "f").network.steps == 7);
  CHECK(std::distance(std::filesystem::directory_iterator{where.path / "below"}, {}) == 1);
  std::filesystem::create_directory(where.path / "taken");
  CHECK_THROWS(write_network(where.path / "taken", small(kind::model)));
  CHECK_THROWS_AS(read_network(where.path / "none", kind::model, "f"), shape_error);
}

TEST_CASE("writing a file uses no name beside it that may be taken") {
  tests::work_folder where;
  std::filesystem::create_directory(where.path / "x.nsai.part");
  write_network(where.path / "x.nsai", small(kind::model));
  CHECK(read_network(where.path / "x.nsai", kind::model, "f").network.steps == 7);
}

TEST_CASE("what is no regular file is not opened") {
  tests::work_folder where;
  auto const pipe = where.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);  // to open it would wait for a writer
  for (auto const& each : {pipe, where.path})
    CHECK_THROWS_WITH_AS(read_network(each, kind::model, "f"),
                         doctest::Contains("is no regular file; expected the file of a model"),
                         shape_error);
}

TEST_CASE("a file of a size or shape that its head does not say is refused by its head alone") {
  tests::work_folder where;
  auto const file = where.path / "x.nsai";
  auto const refused = [&] {
    try {
      read_network(file, kind::model, "f");
    } catch (shape_error const& e) {
      return std::string{e.what()};
    }
    return std::string{};
  };
  write_network(file, small(kind::model));
  std::uint64_t const huge = std::uint64_t{1} << 42U;  // sparse; read whole it would not end well
  std::filesystem::resize_file(file, huge);
  CHECK(refused().find(std::to_string(huge) + " bytes; expected those of a head") !=
        std::string::npos);
  // Sizes that fit each other, but not the network.
  auto bytes = bytes_of(small(kind::model));
  std::uint32_t head = 0;
  std::memcpy(&head, bytes.data() + 12, 4);
  std::uint64_t const floats = huge / 4;
  std::memcpy(bytes.data() + 16, &floats, 8);
  std::ofstream{file, std::ios::binary} << bytes;
  std::filesystem::resize_file(file, 24 + head + huge + 8);
  CHECK(refused().find(std::to_string(floats) + " numbers; expected 14 for its network") !=
        std::string::npos);
  std::ofstream{file, std::ios::binary} << bytes.substr(0, 20);
  CHECK(refused().find("20 bytes; expected at least 32") != std::string::npos);
}

TEST_CASE("a model of other labels, features or shape is refused with both") {
  auto const sound = [] {
    network_file file{kind::model, about_verifier("proposer", 16, json::object()), {}};
    file.network = fresh_network({pair_columns(16), 2, 3}, 1);
    return file;
  };
  CHECK(verifier_of(sound(), "model").buckets == 16);
  CHECK(verifier_of(sound(), "model").model_type == "proposer");
  auto const refused = [&](auto const& change) -> std::string {
    auto file = sound();
    change(file);
    try {
      verifier_of(file, "model");
    } catch (shape_error const& e) {
      return e.what();
    }
    return "";
  };
  CHECK(refused([](auto& f) {
          f.about["labels"] = {"A", "B"};
        }) ==
        "model.labels: the array [\"A\",\"B\"]; expected [\"SUPPORT\",\"CONTRADICT\",\"NEI\"]");
  CHECK(refused([](auto& f) {
          f.about["task"] = "other";
        }).starts_with("model.task: the string \"other\""));
  auto const long_word = refused([](auto& f) { f.about["task"] = std::string(100'000, 'x'); });
  CHECK(long_word.find("xxx...") != std::string::npos);
  CHECK(long_word.size() < 200);
  CHECK(refused([](auto& f) {
          f.about["features"]["version"] = 99;
        }).starts_with("model.features: "));
  CHECK(refused([](auto& f) { f.about["features"]["buckets"] = 17; }) ==
        "model.features.buckets: the number 17; expected a power of two");
  CHECK(refused([](auto& f) {
          f.about["features"] = nullptr;
        }).starts_with("model.features.buckets: null"));
  CHECK(refused([](auto& f) {
          f.network = fresh_network({5, 2, 3}, 1);
        }) == "model.network: 5 inputs and 3 classes; expected " +
                  std::to_string(pair_columns(16)) + " inputs and 3 classes");
}
