#include "processes/program.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

namespace nsai::processes {
namespace {

std::string search_path(process_spec const& spec) {
  for (auto const& variable : spec.env)
    if (variable.rfind("PATH=", 0) == 0)
      return variable.substr(5);
  return "/bin:/usr/bin";
}

/// The names under which argv[0] may be found, in the order of the job's own PATH.
std::vector<std::string> candidates(process_spec const& spec) {
  auto const& name = spec.argv.front();
  if (name.find('/') != std::string::npos)
    return {name};
  std::vector<std::string> list;
  auto const path = search_path(spec);
  for (std::size_t from = 0; from <= path.size();) {
    auto const to = std::min(path.find(':', from), path.size());
    auto const folder = path.substr(from, to - from);
    list.push_back((folder.empty() ? "." : folder) + "/" + name);
    from = to + 1;
  }
  return list;
}

std::vector<char*> pointers(std::vector<std::string> const& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (auto const& word : words)
    list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

struct pipe_ends {
  file_descriptor read;
  file_descriptor write;
};

bool open_pipe(pipe_ends& ends) {
  std::array<int, 2> both{};
  if (::pipe2(both.data(), O_CLOEXEC) != 0)
    return false;
  ends.read = file_descriptor{both[0]};
  ends.write = file_descriptor{both[1]};
  return true;
}

/// What the new process is given besides its words: the default signals, a session of its own, and
/// these descriptors.
class start_settings {
 public:
  start_settings() {
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  ~start_settings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  start_settings(start_settings const&) = delete;
  start_settings& operator=(start_settings const&) = delete;

  void directory(file_descriptor const& at) {
    ::posix_spawn_file_actions_addfchdir_np(&actions_, at.get());
  }
  void output(int as, int from) { ::posix_spawn_file_actions_adddup2(&actions_, from, as); }
  /// Gives these as 3, 4, ..., and nothing else. False: there are no more descriptors.
  bool others(std::vector<int> const& from) {
    // Moved out of the way first, since one may lie where another belongs.
    constexpr int out_of_the_way = 64;
    int next = 3;
    for (int const each : from) {
      auto const& moved = moved_.emplace_back(::fcntl(each, F_DUPFD_CLOEXEC, out_of_the_way));
      if (!moved)
        return false;
      ::posix_spawn_file_actions_adddup2(&actions_, moved.get(), next++);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, next);
    return true;
  }

  /// 0, or why not.
  int start(std::string const& file, process_spec const& spec, pid_t& pid) const {
    return ::posix_spawn(&pid, file.c_str(), &actions_, &attributes_, pointers(spec.argv).data(),
                         pointers(spec.env).data());
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
  std::vector<file_descriptor> moved_;
};

/// A file that the program writes to itself, relative to its directory.
file_descriptor open_output(file_descriptor const& directory, std::string const& path) {
  // A FIFO that nobody reads is refused instead of waited for: nobody could stop the job meanwhile.
  file_descriptor file{::openat(directory.get(), path.c_str(),
                                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666)};
  if (file)
    ::fcntl(file.get(), F_SETFL, O_APPEND);
  return file;
}

started_program failed(spawn_fault fault, int error) {
  started_program none;
  none.fault = fault;
  none.fault_errno = error;
  return none;
}

}  // namespace

started_program start_program(process_spec const& spec,
                              std::vector<file_descriptor> const& inherited) {
  if (spec.argv.empty() || spec.argv.front().empty())
    return failed(spawn_fault::exec, EINVAL);
  pipe_ends out;
  pipe_ends err;
  if ((spec.stdout_path.empty() && !open_pipe(out)) ||
      (spec.stderr_path.empty() && !open_pipe(err)))
    return failed(spawn_fault::resources, errno);
  for (auto* ends : {&out, &err})
    if (ends->read)
      ::fcntl(ends->read.get(), F_SETFL, O_NONBLOCK);
  file_descriptor const directory{
      ::open(spec.cwd.empty() ? "/" : spec.cwd.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!directory)
    return failed(spawn_fault::chdir, errno);
  if (::faccessat(directory.get(), ".", X_OK, AT_EACCESS) != 0)
    return failed(spawn_fault::chdir, errno);
  if (!spec.stdout_path.empty() && !(out.write = open_output(directory, spec.stdout_path)))
    return failed(spawn_fault::open_stdout, errno);
  if (!spec.stderr_path.empty() && !(err.write = open_output(directory, spec.stderr_path)))
    return failed(spawn_fault::open_stderr, errno);
  start_settings settings;
  settings.directory(directory);
  settings.output(STDOUT_FILENO, out.write.get());
  settings.output(STDERR_FILENO, err.write.get());
  std::vector<int> kept;
  for (auto const& each : inherited)
    kept.push_back(each.get());
  if (spec.reads_own_output)
    kept.insert(kept.end(), {out.read.get(), err.read.get()});
  if (!settings.others(kept))
    return failed(spawn_fault::resources, errno);
  int why = ENOENT;
  for (auto const& name : candidates(spec)) {
    started_program program;
    int const error = settings.start(name, spec, program.pid);
    if (error == 0) {
      program.out = std::move(out.read);
      program.err = std::move(err.read);
      return program;
    }
    if (error == EAGAIN || error == ENOMEM)
      return failed(spawn_fault::resources, error);
    // A file that may not be run says more than one that is not there.
    if (error != ENOENT && error != ENOTDIR)
      why = error;
    if (why == E2BIG)
      break;
  }
  return failed(spawn_fault::exec, why);
}

std::string describe_fault(process_spec const& spec, spawn_fault fault, int fault_errno) {
  std::string const why = std::strerror(fault_errno);
  switch (fault) {
    case spawn_fault::none:
      return {};
    case spawn_fault::chdir:
      return "cwd: " + spec.cwd + ": " + why;
    case spawn_fault::open_stdout:
      return "stdout_path: " + spec.stdout_path + ": " + why;
    case spawn_fault::open_stderr:
      return "stderr_path: " + spec.stderr_path + ": " + why;
    case spawn_fault::exec:
      return "argv[0]: " + (spec.argv.empty() ? std::string{"nothing"} : spec.argv.front()) + ": " +
             why;
    case spawn_fault::resources:
      return "the node could not make a process: " + why;
  }
  return why;
}

}  // namespace nsai::processes
