#include "tests/e2e/cluster.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nsai::tests {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words)
    list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> merged_environment(std::map<std::string, std::string> const& more) {
  std::map<std::string, std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    std::string const pair = *each;
    all[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
  }
  for (auto const& [name, value] : more)
    all[name] = value;
  std::vector<std::string> list;
  for (auto const& [name, value] : all)
    list.push_back(name + "=" + value);
  return list;
}

pid_t spawn(std::vector<std::string> argv, std::map<std::string, std::string> const& env, int out,
            int err) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, err, 2);
  auto variables = merged_environment(env);
  pid_t pid = -1;
  int const failed = ::posix_spawnp(&pid, argv.front().c_str(), &actions, nullptr,
                                    pointers(argv).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  REQUIRE_MESSAGE(failed == 0, "cannot start " << argv.front());
  return pid;
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string text_of(fs::path const& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::uint16_t free_port() {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

json finished::document() const {
  auto parsed = json::parse(out, nullptr, false);
  return parsed.is_discarded() ? json(nullptr) : parsed;
}

finished run_program(std::vector<std::string> const& argv,
                     std::map<std::string, std::string> const& env, std::chrono::seconds limit) {
  std::string base = (fs::temp_directory_path() / "nsai-run-XXXXXX").string();
  REQUIRE(::mkdtemp(base.data()) != nullptr);
  fs::path const directory = base;
  int const out = ::open((directory / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int const err = ::open((directory / "err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  pid_t const pid = spawn(argv, env, out, err);
  ::close(out);
  ::close(err);
  int status = 0;
  bool const ended = eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; }, limit);
  if (!ended) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
  }
  finished result{ended ? code_of(status) : -1, text_of(directory / "out"),
                  text_of(directory / "err")};
  fs::remove_all(directory);
  return result;
}

node_process::node_process(std::vector<std::string> argv, fs::path const& log,
                           std::map<std::string, std::string> env) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  int const err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  pid_ = spawn(std::move(argv), env, ends[1], err);
  ::close(ends[1]);
  ::close(err);
  out_ = ends[0];
}

node_process::~node_process() {
  kill_hard();
  ::close(out_);
}

bool node_process::wait_ready(std::chrono::seconds limit) {
  auto const until = clock::now() + limit;
  while (ready_line_.find('\n') == std::string::npos) {
    auto const left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    pollfd waiting{out_, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) != 1)
      return false;
    std::array<char, 512> buffer{};
    auto const count = ::read(out_, buffer.data(), buffer.size());
    if (count <= 0)
      return false;
    ready_line_.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return ready_line_.rfind("nsai node ", 0) == 0;
}

void node_process::signal(int number) const {
  if (!ended_)
    ::kill(pid_, number);
}

int node_process::wait_end(std::chrono::seconds limit) {
  if (!ended_)
    ended_ = eventually([&] { return ::waitpid(pid_, &status_, WNOHANG) == pid_; }, limit);
  return ended_ ? code_of(status_) : -1;
}

void node_process::kill_hard() {
  signal(SIGKILL);
  signal(SIGCONT);
  wait_end();
}

cluster::cluster() {
  std::string base = (fs::temp_directory_path() / "nsai-e2e-XXXXXX").string();
  REQUIRE(::mkdtemp(base.data()) != nullptr);
  directory_ = base;
  fs::create_directory(directory_ / "runtime");
  fs::permissions(directory_ / "runtime", fs::perms::owner_all);
  address_ = "127.0.0.1:" + std::to_string(free_port());
}

cluster::~cluster() {
  nodes_.clear();
  if (std::getenv("NSAI_KEEP") != nullptr)
    std::cerr << "kept: " << directory_ << '\n';
  else
    fs::remove_all(directory_);
}

std::map<std::string, std::string> cluster::environment() const {
  return {{"XDG_RUNTIME_DIR", (directory_ / "runtime").string()}, {"NSAI_SCHEDULER", address_}};
}

std::vector<std::string> cluster::common_words(std::string const& name) const {
  return {NSAI_PROGRAM, "node", "--name", name, "--data-dir", (directory_ / name).string()};
}

node_process& cluster::start_head(std::vector<std::string> options) {
  auto words = common_words("head");
  words.insert(words.end(), {"--listen", address_});
  words.insert(words.end(), options.begin(), options.end());
  nodes_["head"] = std::make_unique<node_process>(words, directory_ / "head.log", environment());
  REQUIRE_MESSAGE(nodes_["head"]->wait_ready(),
                  "the head did not get ready: " << text_of(directory_ / "head.log"));
  return *nodes_["head"];
}

node_process& cluster::start_node(std::string const& name, std::vector<std::string> options) {
  auto words = common_words(name);
  words.insert(words.end(), {"--join", address_});
  words.insert(words.end(), options.begin(), options.end());
  nodes_[name] = std::make_unique<node_process>(words, directory_ / (name + ".log"), environment());
  REQUIRE_MESSAGE(nodes_[name]->wait_ready(),
                  name << " did not get ready: " << text_of(directory_ / (name + ".log")));
  return *nodes_[name];
}

finished cluster::run(std::vector<std::string> words, std::chrono::seconds limit) const {
  words.insert(words.begin(), NSAI_PROGRAM);
  return run_program(words, environment(), limit);
}

json cluster::ask(std::vector<std::string> words) const {
  words.insert(words.begin(), "--json");
  auto const result = run(words);
  CAPTURE(words);
  CHECK_MESSAGE(result.exit_code == 0, result.out << result.err);
  return result.document();
}

std::uint64_t cluster::submit(std::vector<std::string> words) const {
  words.insert(words.begin(), "submit");
  auto const result = run(words);
  REQUIRE_MESSAGE(result.exit_code == 0, result.out << result.err);
  return std::stoull(result.out);
}

bool cluster::wait_status(std::uint64_t number, std::string const& status,
                          std::chrono::seconds limit) const {
  return eventually([&] { return job(number).value("status", "") == status; }, limit);
}

}  // namespace nsai::tests
