#include "store/data_dir.hpp"

#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/store/fixture.hpp"

using namespace nsai::store;
using namespace nsai::store::tests;
namespace fs = std::filesystem;

namespace {

unsigned mode_of(fs::path const& path) {
  struct stat s {};
  REQUIRE(::stat(path.c_str(), &s) == 0);
  return s.st_mode & 07777;
}

}  // namespace

TEST_CASE("it is made private, and keeps its identity and secret") {
  folder f;
  auto const path = f.path / "a/b";
  std::string uuid, secret;
  {
    data_dir d{path};
    CHECK(mode_of(path) == 0700);
    uuid = d.node_uuid();
    secret = d.secret();
    CHECK(uuid.size() == 36);
    CHECK(secret.size() == 64);
    CHECK(mode_of(d.file("secret")) == 0600);
    CHECK(d.node_uuid() == uuid);
  }
  data_dir d{path};
  CHECK(d.node_uuid() == uuid);
  CHECK(d.secret() == secret);
}

TEST_CASE("a second holder is refused until the first lets go") {
  folder f;
  auto const path = f.path / "d";
  {
    data_dir first{path};
    CHECK_THROWS_WITH_AS(data_dir{path}, doctest::Contains(path.c_str()), store_error);
  }
  CHECK_NOTHROW(data_dir{path});
}

TEST_CASE("a directory that others can write and a secret that others can read are refused") {
  folder f;
  auto const path = f.path / "d";
  fs::create_directory(path);
  ::chmod(path.c_str(), 0777);
  CHECK_THROWS_AS(data_dir{path}, store_error);
  ::chmod(path.c_str(), 0700);
  data_dir d{path};
  d.secret();
  ::chmod((path / "secret").c_str(), 0644);
  CHECK_THROWS_AS(d.secret(), store_error);
}

TEST_CASE("network file systems are known by what the system says") {
  CHECK(network_file_system(0x6969, "") == "NFS");
  CHECK(network_file_system(0x65735546, "fuse.sshfs") == "fuse.sshfs");
  CHECK(network_file_system(0xEF53, "ext4").empty());
  CHECK(network_file_system("/tmp").empty());
}
