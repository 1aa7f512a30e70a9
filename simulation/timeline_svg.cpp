#include "simulation/timeline_svg.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "simulation/timeline.hpp"

namespace nsai::simulation {
namespace {

constexpr std::size_t steps = 240;
constexpr double width = 960;
constexpr double left = 68;
constexpr double right = 24;
constexpr double panel_height = 170;
constexpr double panel_gap = 52;
constexpr double legend_width = 116;

// Told apart on white and on black, and by most who see colours differently.
constexpr std::array<char const*, 8> colors{"#4e79a7", "#f28e2b", "#59a14f", "#b07aa1",
                                            "#e15759", "#76b7b2", "#edc948", "#9aa0a8"};

using series = std::vector<double>;

std::string number(double value, int decimals = 1) {
  std::array<char, 64> text{};
  auto const end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, decimals)
                       .ptr;
  std::string shown(text.data(), end);
  if (shown.find('.') != std::string::npos) {
    while (shown.back() == '0')
      shown.pop_back();
    if (shown.back() == '.')
      shown.pop_back();
  }
  return shown == "-0" ? "0" : shown;
}

std::string escaped(std::string const& text) {
  std::string safe;
  for (char const c : text) {
    if (c == '<')
      safe += "&lt;";
    else if (c == '&')
      safe += "&amp;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      safe += c;
  }
  return safe;
}

/// 1, 2 or 5 times a power of ten, so that `most` comes after no more than six of them.
double nice_step(double most) {
  auto const power = std::pow(10, std::floor(std::log10(most / 6)));
  for (double const times : {1.0, 2.0, 5.0})
    if (power * times * 6 >= most)
      return power * times;
  return power * 10;
}

struct time_unit {
  char const* name;
  double seconds;
};
time_unit unit_for(double seconds) {
  constexpr double day = 24 * 3600;
  if (seconds > 4 * day)
    return {"days", day};
  if (seconds > 3 * 3600)
    return {"hours", 3600};
  return seconds > 180 ? time_unit{"minutes", 60} : time_unit{"seconds", 1};
}

class picture {
 public:
  picture(history const& h, std::string const& title) : h_(h), t_(timeline_of(h, steps)) {
    order_tenants();
    bool const has_gpus = h.capacity.gpu > 0;
    auto const panels = has_gpus ? 3 : 2;
    legend_rows_ = (labels_.size() + legend_columns() - 1) / legend_columns();
    y_ = 66 + 22 * static_cast<double>(legend_rows_);
    auto const height = y_ + panels * (panel_height + panel_gap);
    begin(height, title);
    legend();
    if (has_gpus)
      panel("GPUs allocated", t_.gpus, static_cast<double>(h.capacity.gpu) / 1000, "GPUs");
    panel("Cores allocated", t_.cores, static_cast<double>(h.capacity.cpu) / 1000, "cores");
    panel("Jobs queued", t_.queued, 0, "jobs");
    out_ += "</svg>\n";
  }
  std::string text() && { return std::move(out_); }

 private:
  static std::size_t legend_columns() {
    return static_cast<std::size_t>((width - left - right) / legend_width);
  }

  /// Those that held most first; beyond the colours all are one.
  void order_tenants() {
    auto const& held = h_.capacity.gpu > 0 ? t_.gpus : t_.cores;
    std::vector<std::size_t> order(held.size());
    std::iota(order.begin(), order.end(), 0);
    std::vector<double> sums;
    for (auto const& each : held)
      sums.push_back(std::accumulate(each.begin(), each.end(), 0.0));
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sums[a] > sums[b]; });
    bool const too_many = order.size() > colors.size();
    auto const alone = too_many ? colors.size() - 1 : order.size();
    group_of_.resize(h_.tenants.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      group_of_[order[i]] = std::min(i, alone);
    for (std::size_t i = 0; i < alone; ++i)
      labels_.push_back(h_.tenants[order[i]]);
    if (too_many)
      labels_.push_back(std::to_string(order.size() - alone) + " others");
  }

  void begin(double height, std::string const& title) {
    auto const size = number(width) + " " + number(height);
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\" width=\"" +
           number(width) + "\" height=\"" + number(height) +
           "\" role=\"img\">\n<style>\n"
           ".back{fill:#ffffff}text,.ink{fill:#1f2328}.line{stroke:#1f2328}.grid{stroke:#d0d5db}\n"
           "@media(prefers-color-scheme:dark){.back{fill:#14171c}text,.ink{fill:#dde2e8}"
           ".line{stroke:#dde2e8}.grid{stroke:#3a4048}}\n"
           "text{font:12px system-ui,'DejaVu Sans',sans-serif}.head{font-size:16px;"
           "font-weight:600}.name{font-size:13px;font-weight:600}.end{text-anchor:end}"
           ".mid{text-anchor:middle}.grid,.line{fill:none;stroke-width:1}"
           ".most{stroke-dasharray:5 4}\n</style>\n<title>" +
           escaped(title) + "</title>\n<rect class=\"back\" width=\"" + number(width) +
           "\" height=\"" + number(height) + "\"/>\n";
    label(left, 30, "head", title);
  }

  void label(double x, double y, std::string const& style, std::string const& what) {
    out_ += "<text class=\"" + style + "\" x=\"" + number(x) + "\" y=\"" + number(y) + "\">" +
            escaped(what) + "</text>\n";
  }
  void line(double x1, double y1, double x2, double y2, std::string const& style) {
    out_ += "<path class=\"" + style + "\" d=\"M" + number(x1) + " " + number(y1) + "L" +
            number(x2) + " " + number(y2) + "\"/>\n";
  }

  void legend() {
    constexpr std::size_t longest = 14;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      auto const x = left + legend_width * static_cast<double>(i % legend_columns());
      auto const y = 46 + 22 * static_cast<double>(i / legend_columns());
      out_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) +
              "\" width=\"12\" height=\"12\" rx=\"2\" fill=\"" + colors[i] + "\"/>\n";
      auto name = labels_[i];
      if (name.size() > longest)
        name = name.substr(0, longest - 2) + "..";
      label(x + 17, y + 10.5, "key", name);
    }
  }

  /// `most`: what the cluster has; 0: as much as there was.
  void panel(char const* name, std::vector<series> const& by_tenant, double most,
             std::string const& unit) {
    std::vector<series> stack(labels_.size(), series(steps));
    for (std::size_t i = 0; i < by_tenant.size(); ++i)
      for (std::size_t step = 0; step < by_tenant[i].size(); ++step)
        stack[group_of_[i]][step] += by_tenant[i][step];
    for (std::size_t i = 1; i < stack.size(); ++i)
      for (std::size_t step = 0; step < steps; ++step)
        stack[i][step] += stack[i - 1][step];
    double top = most;
    if (!stack.empty())
      top = std::max(top, *std::max_element(stack.back().begin(), stack.back().end()));
    if (top <= 0)
      top = 1;
    label(left, y_, "name", name);
    auto const upper = y_ + 12;
    auto const lower = upper + panel_height - 24;
    auto const y_of = [&](double v) { return lower - (lower - upper) * v / top; };
    auto const x_of = [&](double part) { return left + (width - left - right) * part; };
    auto const step = nice_step(top);
    for (double v = 0; v <= top * 1.0001; v += step) {
      line(left, y_of(v), width - right, y_of(v), "grid");
      label(left - 8, y_of(v) + 4, "end", number(v, 3));
    }
    for (std::size_t i = 0; i < stack.size(); ++i)
      area(stack[i], i == 0 ? series(steps) : stack[i - 1], i, x_of, y_of);
    if (most > 0) {
      line(left, y_of(most), width - right, y_of(most), "line most");
      label(width - right, upper - 6, "end", "all: " + number(most, 3) + " " + unit);
    }
    time_axis(lower, x_of);
    y_ += panel_height + panel_gap;
  }

  template <class X, class Y>
  void area(series const& over, series const& under, std::size_t color, X const& x_of,
            Y const& y_of) {
    if (over == under)
      return;
    std::string path = "M" + number(x_of(0)) + " " + number(y_of(under[0]));
    auto const x_at = [&](std::size_t step) {
      return x_of(static_cast<double>(step) / static_cast<double>(steps));
    };
    for (std::size_t i = 0; i < steps; ++i)
      if (i == 0 || over[i] != over[i - 1])
        path += (i == 0 ? "" : "H" + number(x_at(i))) + "V" + number(y_of(over[i]));
    path += "H" + number(x_at(steps));
    for (std::size_t i = steps; i-- > 0;)
      if (i + 1 == steps || under[i] != under[i + 1])
        path += (i + 1 == steps ? "" : "H" + number(x_at(i + 1))) + "V" + number(y_of(under[i]));
    out_ += "<path fill=\"" + std::string{colors[color]} + "\" d=\"" + path + "Z\"><title>" +
            escaped(labels_[color]) + "</title></path>\n";
  }

  template <class X>
  void time_axis(double y, X const& x_of) {
    line(left, y, width - right, y, "line");
    auto const seconds = t_.step_s * static_cast<double>(steps);
    if (seconds <= 0)
      return;
    auto const unit = unit_for(seconds);
    auto const whole = seconds / unit.seconds;
    auto const step = nice_step(whole);
    for (double v = 0; v <= whole * 1.0001; v += step) {
      auto const x = x_of(v / whole);
      line(x, y, x, y + 4, "line");
      label(x, y + 17, "mid", number(v, 3));
    }
    label(width - right, y + 32, "end", std::string{unit.name} + " since the first submission");
  }

  history const& h_;
  timeline t_;
  std::vector<std::size_t> group_of_;  // of tenants
  std::vector<std::string> labels_;    // of groups
  std::size_t legend_rows_ = 0;
  double y_ = 0;
  std::string out_;
};

}  // namespace

std::string timeline_svg(history const& h, std::string const& title) {
  return picture{h, title}.text();
}

}  // namespace nsai::simulation
