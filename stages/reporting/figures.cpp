#include "stages/reporting/figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "stages/reporting/files.hpp"

namespace nsai::stages {
namespace {

// Okabe and Ito's colours, which colour-blind readers can tell apart; no yellow and no black, which
// are lost on white or on dark.
constexpr std::array series_colours{"#0072b2", "#e69f00", "#009e73",
                                    "#cc79a7", "#56b4e9", "#d55e00"};
constexpr double letter_width = 6.2;  // of 11 px sans-serif, generously
constexpr std::size_t most_letters = 34;

double width_of(std::string const& text) {
  // Bytes that go on a character of UTF-8 have no width of their own.
  auto const letters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  });
  return letter_width * static_cast<double>(letters);
}

/// At most `most_letters` characters of UTF-8.
std::string shortened(std::string const& text) {
  std::size_t letters = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U && ++letters > most_letters)
      return text.substr(0, i) + "…";
  return text;
}

char const* colour_of(std::size_t series) {
  return series_colours[series % series_colours.size()];
}

std::string figure_number(double value, bool whole) {
  return whole ? fmt::format("{:.0f}", value) : fmt::format("{:.3f}", value);
}

std::string tick_text(double value) {
  return fmt::format("{:g}", value);
}

/// An SVG that grows from top to bottom.
class drawing {
 public:
  void text(double x, double y, std::string const& what, char const* anchor = "start",
            char const* kind = "nsai-text") {
    body_ += fmt::format("<text class='{}' x='{:.1f}' y='{:.1f}' text-anchor='{}'>{}</text>\n",
                         kind, x, y, anchor, xml_escaped(what));
  }
  void line(double x1, double y1, double x2, double y2, char const* kind) {
    body_ +=
        fmt::format("<path class='{}' d='M{:.1f} {:.1f}L{:.1f} {:.1f}'/>\n", kind, x1, y1, x2, y2);
  }
  void box(double x, double y, double width, double height, char const* colour) {
    body_ += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}'/>\n",
                         x, y, std::max(0.0, width), height, colour);
  }
  void raw(std::string const& element) { body_ += element; }

  /// Names beside squares of their colours, from left to right and then below.
  double legend(std::vector<std::string> const& names, double x, double y, double right) {
    double at = x;
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto const name = shortened(names[i]);
      auto const width = 14 + width_of(name) + 16;
      if (at + width > right && at > x) {
        at = x;
        y += 18;
      }
      box(at, y - 9, 10, 10, colour_of(i));
      text(at + 14, y, name);
      at += width;
    }
    return y;
  }

  std::string finish(double width, double height, std::string const& title) const {
    return fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{0:.0f}' height='{1:.0f}' "
        "viewBox='0 0 {0:.0f} {1:.0f}' role='img' font-family='sans-serif' font-size='11'>\n"
        "<title>{2}</title>\n<style>"
        ".nsai-paper{{fill:#ffffff}}.nsai-text{{fill:#222222}}"
        ".nsai-title{{fill:#222222;font-weight:bold;font-size:13px}}"
        ".nsai-axis{{stroke:#555555;fill:none}}.nsai-grid{{stroke:#dddddd;fill:none}}"
        ".nsai-whisker{{stroke:#222222;fill:none}}"
        "@media (prefers-color-scheme: dark){{.nsai-paper{{fill:#17191d}}"
        ".nsai-text,.nsai-title{{fill:#e3e5e8}}.nsai-axis{{stroke:#9aa0a8}}"
        ".nsai-grid{{stroke:#353941}}.nsai-whisker{{stroke:#e3e5e8}}}}"
        "</style>\n<rect class='nsai-paper' width='{0:.0f}' height='{1:.0f}'/>\n{3}</svg>\n",
        width, height, xml_escaped(title), body_);
  }

 private:
  std::string body_;
};

double largest_of(bar_chart const& chart) {
  double most = 0;
  for (auto const& group : chart.groups)
    for (auto const& bar : group.bars) {
      most = std::max(most, bar.value.value_or(0));
      if (bar.interval)
        most = std::max(most, bar.interval->second);
    }
  return most;
}

double largest_of(line_chart const& chart) {
  double most = 0;
  for (auto const& line : chart.lines)
    for (auto const value : line.values)
      if (std::isfinite(value))
        most = std::max(most, value);
  return most;
}

std::vector<double> axis_of(double full, double most) {
  return axis_ticks(full > 0 ? full : most > 0 ? most : 1, 5);
}

/// One line's path and its points.
std::string path_of(line_chart::line const& line, char const* colour, auto const& x_of,
                    auto const& y_of) {
  std::string path, points;
  bool gap = true;
  for (std::size_t i = 0; i < line.values.size(); ++i) {
    if (!std::isfinite(line.values[i])) {
      gap = true;
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", gap ? "M" : "L", x_of(i), y_of(line.values[i]));
    gap = false;
    if (line.values.size() <= 40)
      points += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='2.5' fill='{}'/>\n", x_of(i),
                            y_of(line.values[i]), colour);
  }
  return path.empty() ? std::string{}
                      : fmt::format("<path d='{}' fill='none' stroke='{}' stroke-width='1.8'/>\n",
                                    path, colour) +
                            points;
}

std::optional<double> number_in(json const& object, char const* name) {
  auto const found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !found->is_number())
    return std::nullopt;
  return found->get<double>();
}

}  // namespace

std::vector<double> axis_ticks(double most, int count) {
  // Below this the steps between them are no numbers of full precision, at last 0.
  if (!std::isfinite(most) || most < 1e-300)
    most = 1;
  double const rough = most / count;
  double const power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power * 10;
  for (double const factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  std::vector<double> ticks{0};
  while (ticks.back() < most * (1 - 1e-9) && ticks.size() <= 2 * static_cast<std::size_t>(count))
    ticks.push_back(
        std::min(static_cast<double>(ticks.size()) * step, std::numeric_limits<double>::max()));
  return ticks;
}

std::string svg_of(bar_chart const& chart) {
  constexpr double bar_height = 13, between = 12, plot = 340;
  drawing d;
  double labels = 60;
  for (auto const& group : chart.groups)
    labels = std::max(labels, width_of(shortened(group.name)));
  double const left = labels + 24, right = left + plot;
  double const width = right + 62;
  auto const ticks = axis_of(chart.full, largest_of(chart));
  auto const x_of = [&](double value) {
    return left + plot * std::clamp(value / ticks.back(), 0.0, 1.0);
  };
  d.text(12, 22, chart.title, "start", "nsai-title");
  double top = 34;
  if (chart.series.size() > 1)
    top = d.legend(chart.series, 12, 44, width - 12) + 12;
  double y = top + between / 2;
  double const group_height = bar_height * static_cast<double>(chart.series.size()) + between;
  double const bottom = y + group_height * static_cast<double>(chart.groups.size());
  for (auto const tick : ticks) {
    d.line(x_of(tick), top, x_of(tick), bottom, tick == 0 ? "nsai-axis" : "nsai-grid");
    d.text(x_of(tick), bottom + 15, tick_text(tick), "middle");
  }
  for (auto const& group : chart.groups) {
    auto const middle = y + (group_height - between) / 2;
    d.text(left - 8, middle + 4, shortened(group.name), "end");
    for (std::size_t i = 0; i < group.bars.size(); ++i, y += bar_height) {
      auto const& bar = group.bars[i];
      double end = left;
      if (bar.value) {
        end = x_of(*bar.value);
        d.box(left, y + 1, end - left, bar_height - 2, colour_of(i));
      }
      if (bar.interval) {
        auto const at = y + bar_height / 2;
        d.line(x_of(bar.interval->first), at, x_of(bar.interval->second), at, "nsai-whisker");
        for (auto const x : {x_of(bar.interval->first), x_of(bar.interval->second)})
          d.line(x, at - 3, x, at + 3, "nsai-whisker");
        end = std::max(end, x_of(bar.interval->second));
      }
      d.text(end + 5, y + bar_height - 3, bar.value ? figure_number(*bar.value, chart.whole) : "–");
    }
    y += between;
  }
  return d.finish(width, bottom + 26, chart.title);
}

std::string svg_of(line_chart const& chart) {
  constexpr double left = 52, plot = 480, height = 220, width = left + plot + 24;
  drawing d;
  std::vector<std::string> names;
  std::size_t longest = 1;
  for (auto const& line : chart.lines) {
    names.push_back(line.name);
    longest = std::max(longest, line.values.size());
  }
  d.text(12, 22, chart.title, "start", "nsai-title");
  double const top = d.legend(names, 12, 44, width - 12) + 16, bottom = top + height;
  auto const ticks = axis_of(0, largest_of(chart));
  auto const x_of = [&](std::size_t i) {
    return longest == 1 ? left + plot / 2
                        : left + plot * static_cast<double>(i) / static_cast<double>(longest - 1);
  };
  auto const y_of = [&](double value) {
    return bottom - height * std::clamp(value / ticks.back(), 0.0, 1.0);
  };
  for (auto const tick : ticks) {
    d.line(left, y_of(tick), left + plot, y_of(tick), tick == 0 ? "nsai-axis" : "nsai-grid");
    d.text(left - 6, y_of(tick) + 4, tick_text(tick), "end");
  }
  d.line(left, top, left, bottom, "nsai-axis");
  std::size_t const step = (longest + 9) / 10;
  for (std::size_t i = 0; i < longest; i += step) {
    d.line(x_of(i), bottom, x_of(i), bottom + 4, "nsai-axis");
    d.text(x_of(i), bottom + 16, std::to_string(i + 1), "middle");
  }
  d.text(left + plot / 2, bottom + 34, chart.x_name, "middle");
  for (std::size_t i = 0; i < chart.lines.size(); ++i)
    d.raw(path_of(chart.lines[i], colour_of(i), x_of, y_of));
  return d.finish(width, bottom + 44, chart.title);
}

std::string loss_figure(json const& loss_curve) {
  line_chart chart{"Training loss and dev scores", "epoch", {}};
  for (auto const& [key, name] :
       {std::pair{"train_loss", "training loss"}, std::pair{"dev_accuracy", "dev accuracy"},
        std::pair{"dev_macro_f1", "dev macro-F1"}}) {
    line_chart::line line{name, {}};
    for (auto const& epoch : loss_curve)
      line.values.push_back(number_in(epoch, key).value_or(std::nan("")));
    chart.lines.push_back(std::move(line));
  }
  return svg_of(chart);
}

std::string label_figure(json const& labels) {
  bar_chart chart;
  chart.title = "Label scores";
  chart.series = {"precision", "recall", "F1"};
  chart.full = 1;
  for (auto const& [name, score] : labels.items()) {
    bar_chart::group group{name, {}};
    for (auto const* key : {"precision", "recall", "f1"})
      group.bars.push_back({number_in(score, key), std::nullopt});
    chart.groups.push_back(std::move(group));
  }
  return svg_of(chart);
}

}  // namespace nsai::stages
