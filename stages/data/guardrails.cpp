#include "stages/data/guardrails.hpp"

#include <algorithm>
#include <optional>
#include <stop_token>

#include "messages/suggest.hpp"
#include "stages/compute.hpp"
#include "stages/context_data.hpp"
#include "stages/data/text_patterns.hpp"
#include "stages/option_list.hpp"
#include "stages/proposer_text.hpp"

namespace nsai::stages {
namespace {

constexpr std::size_t most_told_violations = 100;
constexpr std::size_t longest_excerpt = 120;

std::vector<std::string> const& guardrail_names() {
  static std::vector<std::string> const names{
      "schema", "uncited", "length", "injection", "pii", "toxic_language", "absolutist_language"};
  return names;
}

/// Up to `longest_excerpt` bytes from `begin` on, on one line; no character is cut in two.
std::string one_line(std::string_view text, std::size_t begin) {
  auto const continues = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80;
  };
  while (begin > 0 && continues(begin))
    --begin;
  auto end = std::min(text.size(), begin + longest_excerpt);
  while (end > begin && continues(end))
    --end;
  auto line = (begin > 0 ? "…" : "") + std::string{text.substr(begin, end - begin)} +
              (end < text.size() ? "…" : "");
  for (auto& c : line)
    c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  return line;
}

/// What is known of one text: looked for when first needed, once.
class scanned_text {
 public:
  explicit scanned_text(std::string const& text) : text_(text) {}

  std::vector<text_match> const& matches() {
    if (!matches_)
      matches_ = personal_data(text_);
    return *matches_;
  }
  /// The beginning, without personal data.
  std::string excerpt() { return one_line(clean().text, 0); }
  /// What stands around a match, without it and without any other. (Cutting first could leave half
  /// of a number, which nothing would find.)
  std::string around(std::size_t match) {
    constexpr std::size_t bytes_before = 40;
    auto const place = clean().places[match];
    return one_line(clean().text, place - std::min(place, bytes_before));
  }

 private:
  redaction const& clean() {
    if (!clean_)
      clean_ = redact(text_, matches());
    return *clean_;
  }

  std::string const& text_;
  std::optional<std::vector<text_match>> matches_;
  std::optional<redaction> clean_;
};

class scan {
 public:
  scan(std::vector<std::string> const& checks, json const& options, std::stop_token stop)
      : checks_(checks.begin(), checks.end()),
        stop_(std::move(stop)),
        longest_(options.value("max_length", std::size_t{8000})) {
    for (auto const& name : checks)
      counts_[name] = 0;
  }

  void outputs(std::vector<proposer_output> const& outputs, double most_malformed) {
    std::vector<proposal> parts;
    std::size_t malformed = 0;
    for (auto const& each : outputs) {
      look_at_stop();
      parts.push_back(parse_proposal(each.output));
      malformed += is_malformed(parts.back()) ? 1 : 0;
    }
    bool const too_many =
        static_cast<double>(malformed) > most_malformed * static_cast<double>(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      begin(outputs[i].id, "output");
      scanned_text whole{outputs[i].output};
      if (too_many && is_malformed(parts[i]))
        violation("schema", [&] { return whole.excerpt(); });
      for (auto const& claim : parts[i].claims)
        if (parts[i].documents.empty() && claim.document.empty())
          violation("uncited", [&] { return scanned_text{claim.text}.excerpt(); });
      if (auto const size = outputs[i].output.size(); size > longest_)
        violation("length", [&] { return std::to_string(size) + " bytes: " + whole.excerpt(); });
      text(outputs[i].output, whole);
    }
  }

  void claims(std::vector<gold_claim> const& claims) {
    for (auto const& claim : claims) {
      begin(claim.id, "claim");
      scanned_text whole{claim.claim};
      text(claim.claim, whole);
    }
  }

  json finish(double most_violating) {
    auto const share =
        scanned_ == 0 ? 0.0 : static_cast<double>(violating_) / static_cast<double>(scanned_);
    return {{"passed", share <= most_violating}, {"scanned", scanned_},
            {"violating", violating_},           {"share", share},
            {"violations", violations_},         {"counts", counts_}};
  }

 private:
  static bool is_malformed(proposal const& parts) {
    return parts.malformed > 0 || parts.claims.empty();
  }

  void look_at_stop() const {
    if (stop_.stop_requested())
      throw compute_stopped{};
  }

  void begin(std::string const& id, char const* of) {
    look_at_stop();
    id_ = id;
    of_ = of;
    ++scanned_;
    violates_ = false;
  }

  void text(std::string const& text, scanned_text& whole) {
    if (checks_.contains("pii"))
      for (std::size_t i = 0; i < whole.matches().size(); ++i)
        violation("pii", [&] { return whole.matches()[i].kind + ": " + whole.around(i); });
    phrases("injection", text, injection_phrases);
    phrases("toxic_language", text, toxic_words);
    phrases("absolutist_language", text, absolutist_phrases);
  }

  void phrases(char const* check, std::string const& text,
               std::vector<std::string> (*find)(std::string_view)) {
    if (checks_.contains(check))
      for (auto const& phrase : find(text))
        violation(check, [&] { return phrase; });
  }

  /// `excerpt` is asked for only where it is kept.
  template <class Excerpt>
  void violation(std::string const& check, Excerpt const& excerpt) {
    if (!checks_.contains(check))
      return;
    ++counts_[check];
    violating_ += violates_ ? 0 : 1;
    violates_ = true;
    if (violations_.size() < most_told_violations)
      violations_.push_back({{"id", id_}, {"of", of_}, {"check", check}, {"excerpt", excerpt()}});
  }

  std::set<std::string> checks_;
  std::stop_token stop_;
  std::size_t longest_;
  std::map<std::string, std::int64_t> counts_;
  json violations_ = json::array();
  std::int64_t scanned_ = 0;
  std::int64_t violating_ = 0;
  std::string id_;
  char const* of_ = "";
  bool violates_ = false;
};

class guardrails final : public stage {
 public:
  stage_description describe() const override {
    stage_description d;
    d.name = "guardrails";
    d.summary = "scans proposals and claims for what must not leave the experiment";
    d.backend = "stage_host";
    auto action = option("action", "string", "flag", "what too many violations do");
    action.choices = {"fail", "flag"};
    d.options = {
        option("checks", "array", guardrail_names(), "which checks"),
        between(option("max_violations", "number", 0, "share of the texts that may violate"), 0, 1),
        between(
            option("max_malformed", "number", 0.05, "share of the outputs that may be malformed"),
            0, 1),
        at_least(option("max_length", "integer", 8000, "bytes of an output"), 1), action};
    return d;
  }

  outcome run(context ctx, json const& options, stage_env& env) const override {
    if (!has_dataset(ctx) && !ctx.outputs.contains("proposals"))
      return no_dataset();
    auto seen = ctx;
    if (!has_dataset(ctx))
      seen.inputs["dataset"] = write_json(dataset{});
    auto const data = dataset_of(seen);
    scan all{checks_of(options), options, env.stop};
    all.outputs(data.outputs, options.value("max_malformed", 0.05));
    all.claims(data.claims);
    if (env.stop.stop_requested())
      return outcome::stopped();
    auto told = all.finish(options.value("max_violations", 0.0));
    auto metrics = told;
    metrics.erase("violations");
    ctx.metrics["guardrails"] = std::move(metrics);
    auto const message = std::to_string(told.at("violating").get<std::int64_t>()) + " of " +
                         std::to_string(told.at("scanned").get<std::int64_t>()) +
                         " texts violate: " + told.at("counts").dump();
    if (env.log)
      env.log(message);
    bool const fails = !told.at("passed").get<bool>() && options.value("action", "flag") == "fail";
    auto done = outcome::success(std::move(told));
    if (fails)
      done.error = outcome::failure("guardrails_violated", message, false).error;
    done.context = std::move(ctx);
    return done;
  }

 private:
  static std::vector<std::string> checks_of(json const& options) {
    auto checks = guardrail_names();
    if (auto const given = options.find("checks"); given != options.end())
      try {
        read_json(*given, checks);
      } catch (shape_error const& e) {
        throw e.inside("options.checks");
      }
    auto const& known = guardrail_names();
    for (auto const& name : checks)
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw shape_error("options.checks", "\"" + name + "\" is not allowed",
                          "some of " + joined(known));
    return checks;
  }
};

}  // namespace

std::unique_ptr<stage> make_guardrails() {
  return std::make_unique<guardrails>();
}

}  // namespace nsai::stages
