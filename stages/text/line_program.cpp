#include "stages/text/line_program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/bounded_json.hpp"

namespace nsai::stages {
namespace {

namespace fs = std::filesystem;
using processes::file_descriptor;
using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks_at_stop{50};
constexpr std::chrono::milliseconds until_an_end_shows{1000};
constexpr std::size_t longest_line = 16 * 1024 * 1024;
constexpr std::size_t shown_of_a_line = 200;

struct pipe_ends {
  file_descriptor read;
  file_descriptor write;
};

pipe_ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw line_program_error(std::string{"no pipe could be made: "} + std::strerror(errno));
  return {file_descriptor{ends[0]}, file_descriptor{ends[1]}};
}

/// While it lives, a write to a program that is gone is an error and no signal.
class without_sigpipe {
 public:
  without_sigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~without_sigpipe() {
    if (sigismember(&before_, SIGPIPE) == 0) {
      timespec const now{0, 0};
      while (::sigtimedwait(&pipe_, nullptr, &now) > 0) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  without_sigpipe(without_sigpipe const&) = delete;
  without_sigpipe& operator=(without_sigpipe const&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// What posix_spawn is told: own group, usual signals, its standard input and output.
class spawn_settings {
 public:
  spawn_settings(fs::path const& directory, int in, int out) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    ::posix_spawn_file_actions_init(&actions_);
    if (!directory.empty())
      ::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
    ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_settings(spawn_settings const&) = delete;
  spawn_settings& operator=(spawn_settings const&) = delete;

  int start(std::vector<std::string>& argv, pid_t& pid) const {
    std::vector<char*> pointers;
    for (auto& each : argv)
      pointers.push_back(each.data());
    pointers.push_back(nullptr);
    return ::posix_spawnp(&pid, pointers[0], &actions_, &attributes_, pointers.data(), environ);
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

std::string shown_line(std::string_view line) {
  return describe_json(json(std::string{line.substr(0, shown_of_a_line)}));
}

/// The id as the key that requests and answers meet by: 1 and "1" are two.
std::string key_of(json const& id) {
  return id.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_id(json const& value) {
  return value.is_number_integer() || value.is_string();
}

}  // namespace

/// One call of ask.
struct line_program::exchange {
  std::string out;
  std::size_t written = 0;
  std::map<std::string, std::size_t> place;  // of each id that was asked
  std::vector<std::optional<json>> answers;
  std::size_t missing = 0;
};

json read_answer(std::string_view line) {
  auto const text = std::string{line};
  auto answer =
      nests_too_deep(text) ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
  if (!answer.is_object())
    throw line_program_error("it wrote " + shown_line(line) + "; expected one JSON object a line");
  auto const id = answer.find("id");
  if (id == answer.end() || !is_id(*id))
    throw line_program_error("it wrote " + shown_line(line) +
                             "; expected an \"id\" that it was asked, a whole number or a text");
  return answer;
}

line_program::line_program(std::vector<std::string> argv, fs::path const& directory,
                           std::chrono::milliseconds timeout)
    : argv_(std::move(argv)), timeout_(timeout) {
  if (argv_.empty() || argv_.front().empty())
    throw line_program_error("no program was given; expected its name or path, and arguments");
  fs::path const program = argv_.front();
  if (argv_.front().find('/') != std::string::npos && program.is_relative() && !directory.empty())
    argv_.front() = fs::absolute(directory / program).lexically_normal().string();
  start(directory);
}

line_program::~line_program() {
  end();
}

void line_program::start(fs::path const& directory) {
  auto to = make_pipe();
  auto from = make_pipe();
  spawn_settings const settings{directory, to.read.get(), from.write.get()};
  if (int const error = settings.start(argv_, pid_); error != 0) {
    pid_ = -1;
    throw line_program_error(argv_.front() + " could not be started" +
                             (directory.empty() ? "" : " in " + directory.string()) + ": " +
                             std::strerror(error));
  }
  in_ = std::move(to.write);
  out_ = std::move(from.read);
  for (auto const* each : {&in_, &out_})
    ::fcntl(each->get(), F_SETFL, ::fcntl(each->get(), F_GETFL) | O_NONBLOCK);
}

std::vector<json> line_program::ask(std::vector<json> const& requests, compute_hooks const& hooks) {
  if (pid_ < 0)
    throw line_program_error(argv_.front() + " is gone; expected no question after an error");
  exchange now;
  for (auto const& request : requests) {
    auto const id = request.is_object() ? request.find("id") : request.end();
    if (!request.is_object() || id == request.end() || !is_id(*id) ||
        !now.place.emplace(key_of(*id), now.place.size()).second)
      throw std::invalid_argument("requests to a program need an \"id\" each, none twice");
    now.out += request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  now.answers.resize(requests.size());
  now.missing = requests.size();
  auto last_answer = steady::now();
  bool ended = false;  // seen before the last look at its output
  take_lines(now);     // what it wrote without being asked
  while (now.missing > 0) {
    if (hooks.stop.stop_requested()) {
      end();
      throw compute_stopped{};
    }
    auto const waited = steady::now() - last_answer;
    if (waited >= timeout_)
      fail("it was silent for " + std::to_string(timeout_.count()) + " ms; expected " +
           std::to_string(now.missing) + " more answers");
    bool const writes = now.written < now.out.size();
    std::array<pollfd, 2> ends{{{out_.get(), POLLIN, 0}, {writes ? in_.get() : -1, POLLOUT, 0}}};
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(timeout_ - waited);
    ::poll(ends.data(), ends.size(),
           static_cast<int>(std::min(left, between_looks_at_stop).count()));
    if (ends[1].revents != 0)
      write_some(now);
    if (ends[0].revents == 0) {
      // A child of the program may keep its output open.
      if (ended) {
        take_last_line(now);
        if (now.missing > 0)
          fail(how_it_ended(hooks) + "; expected " + std::to_string(now.missing) + " more answers");
      }
      ended = ending().has_value();
      continue;
    }
    bool const goes_on = read_some();
    auto const before = now.missing;
    take_lines(now);
    if (now.missing < before) {
      last_answer = steady::now();
      if (hooks.progress)
        hooks.progress(1 - static_cast<double>(now.missing) / static_cast<double>(requests.size()));
    }
    if (!goes_on)
      take_last_line(now);
    if (!goes_on && now.missing > 0)
      fail(how_it_ended(hooks) + "; expected " + std::to_string(now.missing) + " more answers");
  }
  std::vector<json> answers;
  for (auto& each : now.answers)
    answers.push_back(std::move(*each));
  return answers;
}

void line_program::write_some(exchange& now) {
  without_sigpipe const quiet;
  auto const sent = ::write(in_.get(), now.out.data() + now.written, now.out.size() - now.written);
  if (sent > 0)
    now.written += static_cast<std::size_t>(sent);
  else if (sent < 0 && errno != EAGAIN && errno != EINTR)
    now.written = now.out.size();  // it reads no more; what it still answers and its end will tell
}

bool line_program::read_some() {
  std::array<char, 65536> buffer;
  auto const count = ::read(out_.get(), buffer.data(), buffer.size());
  if (count > 0)
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void line_program::take_lines(exchange& now) {
  std::size_t from = 0;
  for (auto end = received_.find('\n'); end != std::string::npos;
       end = received_.find('\n', from)) {
    auto const line = std::string_view{received_}.substr(from, end - from);
    from = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    json answer;
    try {
      answer = read_answer(line);
    } catch (line_program_error const& e) {
      fail(e.what());
    }
    auto const place = now.place.find(key_of(answer.at("id")));
    if (place == now.place.end())
      fail("it answered the id " + key_of(answer.at("id")) + "; expected one that it was asked");
    auto& slot = now.answers[place->second];
    if (slot)
      fail("it answered the id " + key_of(answer.at("id")) + " again; expected one answer");
    slot = std::move(answer);
    --now.missing;
  }
  received_.erase(0, from);
  if (received_.size() > longest_line)
    fail("it wrote a line of more than 16 MiB; expected one JSON object a line");
}

void line_program::take_last_line(exchange& now) {
  try {
    read_answer(received_);
  } catch (line_program_error const&) {
    return;  // nothing, or half a line: that it ended tells more
  }
  received_ += '\n';
  take_lines(now);
}

void line_program::fail(std::string const& what) {
  auto const message = argv_.front() + ": " + what;
  end();
  throw line_program_error(message);
}

/// Left for end() to take in: until then the group's number is ours.
std::optional<std::string> line_program::ending() const {
  siginfo_t about{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      about.si_pid != pid_)
    return std::nullopt;
  auto const number = std::to_string(about.si_status);
  return about.si_code == CLD_EXITED ? "it ended with exit status " + number
                                     : "it was killed by signal " + number;
}

std::string line_program::how_it_ended(compute_hooks const& hooks) {
  auto const until = steady::now() + until_an_end_shows;
  do {
    if (auto const told = ending())
      return *told;
    if (hooks.stop.stop_requested()) {
      end();
      throw compute_stopped{};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  } while (steady::now() < until);
  return "it closed its output";
}

void line_program::end() noexcept {
  in_.reset();
  out_.reset();
  if (pid_ < 0)
    return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // it may have gone to another group
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace nsai::stages
