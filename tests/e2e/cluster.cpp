#include "tests/e2e/cluster.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
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

bool can_listen(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  bool const bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

/// Below the ports that the kernel gives to outgoing connections: one of those would take the port
/// while a scheduler is down, and a node that tries to join would even connect to itself.
std::uint16_t free_port() {
  std::random_device random;
  std::uniform_int_distribution<int> any{10'000, 32'000};
  while (true)
    if (auto const port = static_cast<std::uint16_t>(any(random)); can_listen(port))
      return port;
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
  port_ = free_port();
  listen_on("127.0.0.1");
}

cluster::~cluster() {
  nodes_.clear();
  if (std::getenv("NSAI_KEEP") != nullptr)
    std::cerr << "kept: " << directory_ << '\n';
  else
    fs::remove_all(directory_);
}

void cluster::listen_on(std::string const& host) {
  address_ = host + ":" + std::to_string(port_);
}

void cluster::start_through(std::string const& name, std::vector<std::string> words) {
  before_[name] = std::move(words);
}

void cluster::add_environment(std::string const& name, std::map<std::string, std::string> more) {
  more_environment_[name].merge(more);
}

std::string cluster::log_of(std::string const& name) const {
  return text_of(directory_ / (name + ".log"));
}

std::map<std::string, std::string> cluster::environment(std::string const& name) const {
  std::map<std::string, std::string> all{{"XDG_RUNTIME_DIR", (directory_ / "runtime").string()},
                                         {"NSAI_SCHEDULER", address_}};
  if (auto const more = more_environment_.find(name); more != more_environment_.end())
    for (auto const& [key, value] : more->second)
      all[key] = value;
  return all;
}

std::string program() {
  char const* const elsewhere = std::getenv("NSAI_PROGRAM");
  return elsewhere != nullptr ? elsewhere : NSAI_PROGRAM;
}

std::vector<std::string> cluster::words_before(std::string const& name) const {
  auto const found = before_.find(name);
  return found == before_.end() ? std::vector<std::string>{} : found->second;
}

node_process& cluster::launch(std::string const& name, std::vector<std::string> words,
                              std::vector<std::string> options) {
  auto all = words_before(name);
  all.insert(all.end(),
             {program(), "node", "--name", name, "--data-dir", data_of(name).string()});
  all.insert(all.end(), words.begin(), words.end());
  all.insert(all.end(), options.begin(), options.end());
  nodes_[name].reset();  // the one before has ended when this one starts
  nodes_[name] =
      std::make_unique<node_process>(all, directory_ / (name + ".log"), environment(name));
  return *nodes_[name];
}

node_process& cluster::wait_for(std::string const& name) {
  REQUIRE_MESSAGE(node(name).wait_ready(), name << " did not get ready: " << log_of(name));
  return node(name);
}

node_process& cluster::launch_head(std::vector<std::string> options) {
  return launch("head", {"--listen", address_}, std::move(options));
}

node_process& cluster::launch_node(std::string const& name, std::vector<std::string> options) {
  return launch(name, {"--join", address_}, std::move(options));
}

node_process& cluster::start_head(std::vector<std::string> options) {
  launch_head(std::move(options));
  return wait_for("head");
}

node_process& cluster::start_node(std::string const& name, std::vector<std::string> options) {
  launch_node(name, std::move(options));
  return wait_for(name);
}

finished cluster::run(std::vector<std::string> words, std::chrono::seconds limit) const {
  auto all = words_before("");
  all.push_back(program());
  all.insert(all.end(), words.begin(), words.end());
  return run_program(all, environment(""), limit);
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
