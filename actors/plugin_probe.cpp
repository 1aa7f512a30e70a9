#include "actors/plugin_probe.hpp"

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "processes/signal_names.hpp"
#include "stages/host_protocol.hpp"
#include "stages/plugin_check.hpp"

namespace nsai::actors {
namespace {

using processes::file_descriptor;

/// One library that is being asked.
struct probe {
  wanted_plugin const* wanted = nullptr;
  file_descriptor channel;
  processes::process_handle handle = 0;
  std::string fault;
};

/// The ends of the processes, told by the process pool's thread; kept alive by whoever still tells.
struct ends {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::size_t, processes::process_exit> list;
};

probe ask(workplace const& where, wanted_plugin const& wanted, std::size_t index,
          std::shared_ptr<ends> const& over) {
  probe p;
  p.wanted = &wanted;
  p.fault = stages::plugin_file_fault(wanted.library);
  if (!p.fault.empty())
    return p;
  std::array<int, 2> both{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) != 0) {
    p.fault = std::string{"the node could not ask it: "} + std::strerror(errno);
    return p;
  }
  p.channel = file_descriptor{both[0]};
  std::vector<file_descriptor> inherited;
  inherited.emplace_back(both[1]);
  processes::process_spec spec;
  spec.argv = {where.stage_host.string(), "--describe", wanted.library};
  for (auto const& [name, value] : where.base_environment())
    spec.env.push_back(name + "=" + value);
  p.handle = where.pool->start(
      std::move(spec),
      [over, index](processes::process_exit exit) {
        std::lock_guard const lock{over->mutex};
        over->list.emplace(index, std::move(exit));
        over->changed.notify_all();
      },
      {}, std::move(inherited));
  return p;
}

std::string fault_of_end(processes::process_exit const& exit, std::chrono::milliseconds limit) {
  auto tail = exit.stderr_tail;
  while (!tail.empty() && tail.back() == '\n')
    tail.pop_back();
  tail = tail.empty() ? "" : ": " + tail;
  if (exit.stopped)
    return "loading it took longer than " + std::to_string(limit.count()) + " ms" + tail;
  if (exit.fault != processes::spawn_fault::none)
    return "the node could not ask it: " + exit.fault_text;
  if (exit.signal)
    return "loading it ended the process by " + processes::signal_name(*exit.signal) + tail;
  if (exit.exit_status != 0)
    return "loading it ended the process with exit status " +
           std::to_string(exit.exit_status.value_or(-1)) + tail;
  return {};
}

/// What the process has said; it has ended, so everything is there.
stages::plugin_description said(file_descriptor const& channel) {
  stages::plugin_description told;
  stages::host_frame_reader reader;
  std::array<char, 65536> buffer;
  ssize_t count = 0;
  while ((count = ::recv(channel.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
    reader.append({buffer.data(), static_cast<std::size_t>(count)});
  try {
    auto const frame = reader.next();
    if (frame && frame->kind == stages::host_frame::described)
      told = stages::message_of<stages::plugin_description>(frame->document);
    else
      told.fault = "loading it ended the process before it had told its stages";
  } catch (std::invalid_argument const& e) {
    told.fault = std::string{"it describes itself wrongly: "} + e.what();
  }
  return told;
}

/// The stages of one library, into `found`; or why there are none.
std::string take(probe const& p, stages::registry const& built_in, found_plugins& found) {
  auto told = said(p.channel);
  if (auto fault = stages::check_plugin_description(told, built_in, p.wanted->stages);
      !fault.empty())
    return fault;
  for (auto const& stage : told.stages)
    if (auto const other = found.libraries.find(stage.name); other != found.libraries.end())
      return "its stage " + stage.name + " is in " + other->second + ", too";
  for (auto& stage : told.stages) {
    found.libraries[stage.name] = p.wanted->library;
    found.stages.push_back(std::move(stage));
  }
  return {};
}

}  // namespace

found_plugins probe_plugins(workplace const& where, std::vector<wanted_plugin> const& wanted,
                            std::chrono::milliseconds limit) {
  auto const over = std::make_shared<ends>();
  std::vector<probe> probes;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    probes.push_back(ask(where, wanted[i], i, over));
  std::size_t asked = 0;
  for (auto const& each : probes)
    asked += each.handle != 0 ? 1 : 0;
  std::unique_lock lock{over->mutex};
  over->changed.wait_for(lock, limit, [&] { return over->list.size() == asked; });
  for (std::size_t i = 0; i < probes.size(); ++i)
    if (probes[i].handle != 0 && !over->list.contains(i))
      where.pool->stop(probes[i].handle, SIGKILL, std::chrono::milliseconds{0});
  over->changed.wait(lock, [&] { return over->list.size() == asked; });
  found_plugins found;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    auto& p = probes[i];
    if (p.fault.empty())
      p.fault = fault_of_end(over->list.at(i), limit);
    if (p.fault.empty())
      p.fault = take(p, *where.registry, found);
    if (p.fault.empty())
      continue;
    spdlog::error("stage_plugins: {}: {}", p.wanted->library, p.fault);
    found.faults.push_back({p.wanted->library, p.wanted->stages, p.fault});
  }
  return found;
}

}  // namespace nsai::actors
