// What processes cost without nsai: the limits that stage hosts and `command` jobs are measured by.
//   bench_processes echo JOBS BATCH    frames of a stage host through a socketpair, answered by a
//                                      process that does nothing else
//   bench_processes spawn COUNT PROGRAM [ARGUMENT...]    posix_spawn and waitpid, one at a time
#include <array>
#include <chrono>
#include <iostream>

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes/wire.hpp"
#include "stages/host_protocol.hpp"

namespace {

using namespace nsai;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// The next frame of a socket; ends the process when the other side has closed it.
stages::host_frame_reader::frame next(int socket, stages::host_frame_reader& reader) {
  std::array<char, 65536> buffer;
  while (true) {
    if (auto frame = reader.next())
      return std::move(*frame);
    auto const count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count <= 0)
      ::_exit(0);
    reader.append({buffer.data(), static_cast<std::size_t>(count)});
  }
}

[[noreturn]] void answer(int socket) {
  stages::host_frame_reader reader;
  while (true) {
    auto const asked = stages::message_of<stages::host_requests>(next(socket, reader).document);
    stages::host_outcomes told;
    for (auto const& request : asked.requests) {
      auto& outcome = told.outcomes.emplace_back();
      outcome.sequence = request.sequence;
      outcome.value = request.options;
    }
    processes::send_all(socket, stages::host_frame_of(stages::host_frame::over, told));
  }
}

std::string requests(std::uint64_t from, int count) {
  stages::host_requests message;
  for (int i = 0; i < count; ++i) {
    auto& r = message.requests.emplace_back();
    r.sequence = from + static_cast<std::uint64_t>(i);
    r.ref = {{r.sequence}, 1};
    r.stage = "echo";
    r.options = "{\"text\":\"hello " + std::to_string(r.sequence) + "\"}";
    r.log = "/var/lib/nsai/node/logs/0/" + std::to_string(r.sequence) + "-1.log";
    r.log_limit_bytes = 16 * 1024 * 1024;
  }
  return stages::host_frame_of(stages::host_frame::run, message);
}

void echo(int jobs, int batch) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("no socketpair");
  pid_t const child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    answer(ends[1]);
  }
  ::close(ends[1]);
  stages::host_frame_reader reader;
  auto const begin = clock_type::now();
  int done = 0;
  for (int sent = 0; sent < jobs; sent += batch) {
    processes::send_all(ends[0], requests(static_cast<std::uint64_t>(sent) + 1, batch));
    done += static_cast<int>(
        stages::message_of<stages::host_outcomes>(next(ends[0], reader).document).outcomes.size());
  }
  std::cout << json{{"what", "socketpair echo"},
                    {"batch", batch},
                    {"jobs_per_s", done / seconds_since(begin)}}
            << std::endl;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
}

void spawn(int count, char** argv) {
  auto const begin = clock_type::now();
  for (int i = 0; i < count; ++i) {
    pid_t pid = -1;
    int status = 0;
    if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv, environ) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0)
      throw std::runtime_error(std::string{"cannot run "} + argv[0]);
  }
  std::cout << json{{"what", "posix_spawn and wait"},
                    {"program", argv[0]},
                    {"jobs_per_s", count / seconds_since(begin)}}
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  std::string const what = argc > 3 ? argv[1] : "";
  if (what == "echo")
    echo(std::atoi(argv[2]), std::atoi(argv[3]));
  else if (what == "spawn")
    spawn(std::atoi(argv[2]), argv + 3);
  else
    return std::cerr << "bench_processes echo JOBS BATCH | spawn COUNT PROGRAM [ARGUMENT...]\n", 2;
}
