#include "stages/trials.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include <signal.h>
#include <unistd.h>

#include "stages/option_list.hpp"

namespace nsai::stages {
namespace {

using clock = std::chrono::steady_clock;

option_description seconds_option(std::string help) {
  return between(option("seconds", "number", 1, std::move(help)), 0, 7LL * 24 * 3600);
}

/// Returns false when it was stopped before `seconds` had passed.
bool sleep_for(double seconds, stage_env& env) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock{mutex};
  auto const until = clock::now() + std::chrono::duration_cast<clock::duration>(
                                        std::chrono::duration<double>(seconds));
  stopped.wait_until(lock, env.stop, until, [] { return false; });
  return !env.stop.stop_requested();
}

class echo final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "echo";
    d.summary = "gives its text back";
    d.options = {option("text", "string", "", "what to give back")};
    d.brief = true;
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    json result{{"text", options.value("text", "")}};
    if (env.array_index)
      result["array_index"] = *env.array_index;
    if (env.gang)
      result["rank"] = env.gang->rank;
    return outcome::success(std::move(result));
  }
};

class sleep_stage final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "sleep";
    d.summary = "waits";
    d.options = {seconds_option("how long")};
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    auto const seconds = options.value("seconds", 1.0);
    if (!sleep_for(seconds, env))
      return outcome::stopped();
    return outcome::success({{"seconds", seconds}});
  }
};

class spin final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "spin";
    d.summary = "keeps one core busy";
    d.options = {seconds_option("how long")};
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    auto const seconds = options.value("seconds", 1.0);
    auto const begin = clock::now();
    auto const length = std::chrono::duration<double>(seconds);
    std::uint64_t rounds = 0;
    for (std::uint64_t x = 1; clock::now() - begin < length; ++rounds) {
      for (int i = 0; i < 10'000; ++i)
        x = x * 6364136223846793005ULL + 1442695040888963407ULL;
      if (env.stop.stop_requested())
        return outcome::stopped();
      // The value takes part in the progress, so that no compiler drops the work.
      if (env.progress && rounds % 1000 == 0)
        env.progress((clock::now() - begin) / length, x == 0 ? "" : "spinning");
    }
    return outcome::success({{"seconds", seconds}, {"rounds", rounds}});
  }
};

class allocate final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "allocate";
    d.summary = "holds memory that it has touched";
    d.options = {between(option("memory_mb", "integer", 64, "MiB"), 0, 1'000'000),
                 seconds_option("how long")};
    d.backend = "stage_host";
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    auto const memory_mb = options.value("memory_mb", std::int64_t{64});
    constexpr std::size_t mib = 1024 * 1024;
    auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<std::unique_ptr<char volatile[]>> blocks;
    for (std::int64_t i = 0; i < memory_mb; ++i) {
      if (env.stop.stop_requested())
        return outcome::stopped();
      auto& block = blocks.emplace_back(new char volatile[mib]);
      for (std::size_t at = 0; at < mib; at += page)
        block[at] = 1;
    }
    if (!sleep_for(options.value("seconds", 1.0), env))
      return outcome::stopped();
    return outcome::success({{"memory_mb", memory_mb}});
  }
};

class fail final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "fail";
    d.summary = "fails";
    d.options = {option("message", "string", "failed as asked", "of the error"),
                 option("retryable", "boolean", true, "whether another attempt may follow")};
    d.brief = true;
    return d;
  }
  outcome run(context, json const& options, stage_env&) const override {
    return outcome::failure("failed", options.value("message", "failed as asked"),
                            options.value("retryable", true));
  }
};

class flaky final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "flaky";
    d.summary = "fails its first attempts";
    d.options = {at_least(option("failures", "integer", 1, "how many attempts fail"), 0)};
    d.brief = true;
    return d;
  }
  outcome run(context, json const& options, stage_env& env) const override {
    auto const failures = options.value("failures", std::int64_t{1});
    if (env.attempt <= failures)
      return outcome::failure("flaky",
                              "attempt " + std::to_string(env.attempt) + " of " +
                                  std::to_string(failures) + " that fail",
                              true);
    return outcome::success({{"attempt", env.attempt}});
  }
};

std::map<std::string, int> const& crash_signals() {
  static std::map<std::string, int> const list{{"SIGSEGV", SIGSEGV}, {"SIGABRT", SIGABRT},
                                               {"SIGBUS", SIGBUS},   {"SIGFPE", SIGFPE},
                                               {"SIGILL", SIGILL},   {"SIGKILL", SIGKILL}};
  return list;
}

class crash final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "crash";
    d.summary = "ends its process by a signal";
    auto signal = option("signal", "string", "SIGSEGV", "which one");
    for (auto const& [name, number] : crash_signals())
      signal.choices.push_back(name);
    d.options = {signal};
    d.backend = "stage_host";
    return d;
  }
  outcome run(context, json const& options, stage_env&) const override {
    int const number = crash_signals().at(options.value("signal", "SIGSEGV"));
    ::signal(number, SIG_DFL);
    ::kill(::getpid(), number);
    return outcome::failure("survived", "the signal did not end the process", false);
  }
};

class command final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "command";
    d.summary = "runs any program";
    auto argv = option("argv", "array", nullptr, "program and arguments");
    argv.required = true;
    d.options = {argv,
                 option("chdir", "string", "", "working directory"),
                 option("env", "object", json::object(), "variables added to its environment"),
                 option("stdout", "string", "",
                        "file instead of the log (%j job, %a attempt, %i index, %t tenant)"),
                 option("stderr", "string", "", "likewise"),
                 option("launcher", "string", "", "a launcher of the node's config")};
    d.backend = "command";
    return d;
  }
  outcome run(context, json const&, stage_env&) const override {
    return outcome::failure("backend", "a program runs under a warden, never in the node", false);
  }
};

}  // namespace

std::unique_ptr<stage> make_echo() {
  return std::make_unique<echo>();
}
std::unique_ptr<stage> make_sleep() {
  return std::make_unique<sleep_stage>();
}
std::unique_ptr<stage> make_spin() {
  return std::make_unique<spin>();
}
std::unique_ptr<stage> make_allocate() {
  return std::make_unique<allocate>();
}
std::unique_ptr<stage> make_fail() {
  return std::make_unique<fail>();
}
std::unique_ptr<stage> make_flaky() {
  return std::make_unique<flaky>();
}
std::unique_ptr<stage> make_crash() {
  return std::make_unique<crash>();
}
std::unique_ptr<stage> make_command() {
  return std::make_unique<command>();
}

}  // namespace nsai::stages
