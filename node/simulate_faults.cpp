// nsai simulate faults: seeded faults against the core and a model cluster
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <fmt/format.h>

#include "node/simulate.hpp"
#include "simulation/faults.hpp"

namespace nsai::node {
namespace {

using clock = std::chrono::steady_clock;

struct faults_words {
  std::string seeds = "1-1000";
  std::uint64_t steps = 400;
  bool trace = false;
};

/// "A-B" or "A".
void parse_seeds(std::string const& text, simulation::faults_options& to) {
  auto const dash = text.find('-');
  auto const read = [](std::string_view word, std::uint64_t& value) {
    auto const [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
    return fault == std::errc{} && end == word.data() + word.size() && value > 0 &&
           value < 1'000'000'000'000;
  };
  std::string_view const all{text};
  bool const sound = read(all.substr(0, dash), to.first) &&
                     read(dash == std::string::npos ? all : all.substr(dash + 1), to.last) &&
                     to.first <= to.last;
  if (!sound)
    throw shape_error("seeds", "\"" + text.substr(0, 60) + "\" is not allowed",
                      "a seed or a range of seeds from 1, such as 17 or 1-1000");
}

/// What a run is called and shown as, for the terminate handler too.
struct shown_run {
  output const* out = nullptr;
  std::string steps;  // as an option, when it is not the default
  simulation::faults_report report;
  clock::time_point began;
} shown;

void show(simulation::fault_failure const& f) {
  if (shown.out->as_json)
    return;
  shown.out->say(fmt::format("seed {}, step {}: {}", f.seed, f.step, escaped(f.what)));
  shown.out->say(
      fmt::format("  replay: nsai simulate faults --seeds {}{} --trace", f.seed, shown.steps));
}

void show_report(simulation::faults_report const& r) {
  auto const took = std::chrono::duration<double>(clock::now() - shown.began).count();
  json failures = json::array();
  for (auto const& f : r.failures)
    failures.push_back(f.seed);
  if (shown.out->as_json)
    shown.out->document({{"seeds", r.seeds},
                         {"failures", failures},
                         {"events", r.events},
                         {"faults", r.faults},
                         {"seconds", std::round(took * 1000) / 1000}});
  else
    shown.out->say(fmt::format("{} seeds, {} failures, {} events, {} faults in {:.1f} s", r.seeds,
                               r.failures.size(), r.events, r.faults, took));
}

/// The core ends the program when one of its own assertions breaks. The seed is told before.
[[noreturn]] void show_and_exit() {
  auto failure = simulation::now_playing();
  try {
    if (auto const cause = std::current_exception())
      std::rethrow_exception(cause);
    failure.what = "the program was ended";
  } catch (std::exception const& e) {
    failure.what = e.what();
  } catch (...) {
    failure.what = "something unknown was thrown";
  }
  show(failure);
  shown.report.failures.push_back(failure);
  show_report(shown.report);
  std::cout.flush();
  std::_Exit(exit_job_failed);
}

int play(faults_words const& words, output const& out) {
  simulation::faults_options options;
  parse_seeds(words.seeds, options);
  options.steps = words.steps;
  if (words.trace)
    options.trace = [](std::string const& line) { std::cerr << line << '\n'; };
  shown.out = &out;
  shown.began = clock::now();
  if (words.steps != faults_words{}.steps)
    shown.steps = fmt::format(" --steps {}", words.steps);
  auto const before = std::set_terminate(show_and_exit);
  shown.report = {};
  for (auto seed = options.first; seed <= options.last; ++seed) {
    auto one = options;
    one.first = one.last = seed;
    auto const played = simulation::play_faults(one, show);
    shown.report.seeds += played.seeds;
    shown.report.events += played.events;
    shown.report.faults += played.faults;
    shown.report.failures.insert(shown.report.failures.end(), played.failures.begin(),
                                 played.failures.end());
    if (seed % 100 == 0)
      out.progress(fmt::format("seed {} of {}", seed, options.last));
  }
  std::set_terminate(before);
  out.end_progress();
  show_report(shown.report);
  return shown.report.failures.empty() ? exit_done : exit_job_failed;
}

}  // namespace

command simulate_faults_command() {
  return {"faults", "seeded faults against the scheduler's core and a model cluster",
          "nsai simulate faults --seeds 1-10000",
          [](CLI::App& app, global_options& global) -> command_body {
            auto words = std::make_shared<faults_words>();
            app.add_option("--seeds", words->seeds,
                           "A or A-B: each is a world of its own (1-1000)");
            app.add_option("--steps", words->steps, "of each, before its faults end (400)")
                ->check(CLI::Range(1, 1'000'000));
            app.add_flag("--trace", words->trace, "tell on stderr what happens");
            return [words, &global] { return play(*words, global.out); };
          }};
}

}  // namespace nsai::node
