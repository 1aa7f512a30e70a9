#include "stages/reporting/figures.hpp"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "stages/reporting/files.hpp"
#include "tests/reporting/well_formed.hpp"

using namespace nsai;
using namespace nsai::stages;
using tests::xml_fault;

TEST_CASE("the check of XML finds what is not well-formed") {
  CHECK(xml_fault("<a b='1'>x &amp; y<c/></a>").empty());
  for (auto const* text : {"<a>", "<a></b>", "<a/><a/>", "<a b=1/>", "<a b='1' b='2'/>",
                           "<a>&x;</a>", "<a>1 < 2</a>", "x<a/>", "", "<a>\x01</a>", "<a b='<'/>"})
    CHECK_MESSAGE(!xml_fault(text).empty(), text);
}

TEST_CASE("ticks step by 1, 2 or 5 times a power of ten, to the first that is not below the most") {
  CHECK(axis_ticks(1, 5) == std::vector<double>{0, 0.2, 0.4, 2 * 0.2 + 0.2, 0.8, 1});
  CHECK(axis_ticks(7, 5) == std::vector<double>{0, 2, 4, 6, 8});
  CHECK(axis_ticks(1.05, 5).back() == doctest::Approx(1.5));
  for (double const most : {1e-9, 0.003, 0.0999, 1.0, 3.0, 99.0, 12345.0, 1e12}) {
    auto const ticks = axis_ticks(most, 5);
    CHECK(ticks.size() >= 2);
    CHECK(ticks.size() <= 6);
    CHECK(ticks.back() >= most * (1 - 1e-9));
  }
}

TEST_CASE("ticks of the smallest and the largest numbers end, too") {
  for (double const most : {5e-324, 1e-310, 1e-300, 0.0, -1.0, 1e308, 1.7e308, std::nan(""),
                            std::numeric_limits<double>::infinity()}) {
    CAPTURE(most);
    auto const ticks = axis_ticks(most, 5);
    CHECK(ticks.size() >= 2);
    CHECK(ticks.size() <= 11);
    for (std::size_t i = 1; i < ticks.size(); ++i)
      CHECK(ticks[i] > ticks[i - 1]);
    CHECK(std::isfinite(ticks.back()));
  }
  CHECK(xml_fault(svg_of(line_chart{"t", "x", {{"l", {5e-324, 1e-320}}}})) == "");
}

TEST_CASE("names in figures are escaped, and shortened where they are long") {
  bar_chart chart;
  chart.title = "<script>alert('1')</script> & \"more\"";
  chart.series = {"a<b", "c&d"};
  chart.groups = {{"</text><script>", {{0.5, std::pair{0.2, 0.9}}, {std::nullopt, std::nullopt}}},
                  {std::string(200, 'x') + "é", {{1.0, std::nullopt}, {0.0, std::nullopt}}}};
  auto const svg = svg_of(chart);
  CHECK(xml_fault(svg) == "");
  CHECK(svg.find("<script") == std::string::npos);
  CHECK(svg.find(std::string(40, 'x')) == std::string::npos);
  CHECK(svg.find("…") != std::string::npos);
  CHECK(svg.find(">–<") != std::string::npos);
  line_chart lines{"<t>", "x & y", {{"<l>", {1, 2}}}};
  CHECK(xml_fault(svg_of(lines)) == "");
}

TEST_CASE("a bar's length is its value's share of the axis") {
  bar_chart chart;
  chart.title = "t";
  chart.series = {"s"};
  chart.full = 1;
  chart.groups = {{"g", {{0.5, std::nullopt}}}};
  // The plot is 340 wide: 0.5 of it is 170.
  CHECK(svg_of(chart).find("width='170.0'") != std::string::npos);
  chart.groups[0].bars[0].value = 7;  // beyond the axis
  CHECK(svg_of(chart).find("width='340.0'") != std::string::npos);
}

TEST_CASE("charts of nothing, of one value and of values that are not finite are figures, too") {
  CHECK(xml_fault(svg_of(bar_chart{})) == "");
  CHECK(xml_fault(svg_of(line_chart{})) == "");
  CHECK(xml_fault(svg_of(line_chart{"t", "x", {{"l", {0.5}}}})) == "");
  double const nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  auto const gaps = svg_of(line_chart{"t", "x", {{"l", {1, nan, 2, inf, 3}}}});
  CHECK(xml_fault(gaps) == "");
  CHECK(gaps.find("nan") == std::string::npos);
  CHECK(gaps.find("inf") == std::string::npos);
  CHECK(xml_fault(loss_figure(json::array())) == "");
  CHECK(xml_fault(loss_figure(json{{{"train_loss", nullptr}}, 7, "x"})) == "");
  CHECK(xml_fault(label_figure(json{{"a", nullptr}, {"b", {{"f1", 0.5}}}})) == "");
}

TEST_CASE("text of Markdown ends no cell and begins no tag, no link and no emphasis") {
  CHECK(markdown_escaped("a|b\nc") == "a\\|b c");
  CHECK(markdown_escaped("<b>[x](y)*z*") == "&lt;b>\\[x\\](y)\\*z\\*");
  CHECK(markdown_escaped("macro_f1 of _this_") == "macro_f1 of \\_this\\_");
  CHECK(markdown_escaped("_a_ a_ _b :_: é_x") == "\\_a\\_ a\\_ \\_b :\\_: é\\_x");
  CHECK(markdown_escaped("~~gone~~") == "\\~\\~gone\\~\\~");
  CHECK(markdown_escaped("see https://a.b or WWW.a.b, www2.a") ==
        "see https\\://a.b or WWW\\.a.b, www2.a");
  CHECK(xml_escaped("a\x01\x1f\x7f<") == "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd&lt;");
}

TEST_CASE("text of Markdown begins no heading, list, quotation, rule or code") {
  struct line {
    char const* text;
    char const* escaped;
  };
  for (auto const& each :
       {line{"# a", "\\# a"}, line{"  > a", "\\> a"}, line{"- a", "\\- a"}, line{"+ a", "\\+ a"},
        line{"---", "\\---"}, line{"===", "\\==="}, line{"1. a", "1\\. a"},
        line{"12) a", "12\\) a"}, line{"    code", "code"}, line{"-", "\\-"}, line{"7.", "7\\."}})
    CHECK(markdown_escaped(each.text) == each.escaped);
  for (auto const* const plain : {"-0.5", "+3", "0.25", "1 of 2", "a # b", "a - b", "a 1. b", ""})
    CHECK(markdown_escaped(plain) == plain);
}
