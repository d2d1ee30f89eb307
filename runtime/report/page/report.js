'use strict';
// Draws the report from its data. All text goes in as text, never as HTML.
const data = JSON.parse(document.getElementById('data').textContent);
const charts = [];
const canDraw = typeof Chart !== 'undefined';  // where Sluice was built without Chart.js, numbers stand instead

document.getElementById('subtitle').textContent = data.subtitle;

function html(name, attributes, parent, text) {
  const element = Object.assign(document.createElement(name), attributes);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

/// Three significant digits, or all digits of an integer.
function shown(value) {
  if (value === null || value === undefined) return '';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return String(Number(value.toPrecision(Math.abs(value) < 1 ? 3 : 4)));
}

// ---- charts ----------------------------------------------------------------------------------------------------------
function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
function seriesColor(i) { return color(`--series-${i % 5}`); }

function scale(title, more = {}) {
  return {
    title: {display: Boolean(title), text: title, color: color('--faint')},
    ticks: {color: color('--faint')},
    grid: {color: color('--grid'), borderColor: color('--rule')},
    ...more,
  };
}

/// The data of a chart as a table inside it, for screen readers.
function addFallback(parent, names, series) {
  const table = html('table', {}, parent);
  const head = html('tr', {}, table);
  html('th', {}, head, '');
  for (const one of series) html('th', {}, head, one.name);
  names.forEach((name, i) => {
    const row = html('tr', {}, table);
    html('th', {}, row, String(name));
    for (const one of series) html('td', {}, row, shown(one.values[i]));
  });
}

/// `make` returns Chart.js's configuration in the current colors, which follow the system's light or dark mode.
function addChart(section, parent, names, series, height, make) {
  const box = html('div', {className: 'chart'}, parent);
  if (!canDraw) {
    addFallback(box, names, series);
    return;
  }
  if (height) box.style.minHeight = `${height}px`;
  const canvas = html('canvas', {ariaLabel: section.title}, box);
  canvas.setAttribute('role', 'img');
  addFallback(canvas, names, series);
  const chart = new Chart(canvas, make());
  charts.push({chart, make});
  canvas.dataset.drawn = chart.data.datasets.length;
}

if (canDraw) Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;

const options = (more) => ({
  responsive: true, maintainAspectRatio: false, animation: false,
  ...more,
  plugins: {
    legend: {labels: {color: color('--ink'), usePointStyle: true, boxHeight: 7}},
    tooltip: {callbacks: {label: (item) => ` ${item.dataset.label}: ${shown(item.raw.y ?? item.raw)}`}},
    ...more.plugins,
  },
});

/// Integer axes have integer ticks.
function ticksOf(x) {
  return {color: color('--faint'), ...(x.every(Number.isInteger) ? {precision: 0} : {})};
}

function drawLines(section, parent) {
  const {x, series} = section;
  const many = x.length > 40;
  addChart(section, parent, x.map(shown), series, 0, () => ({
    type: 'line',
    data: {
      datasets: series.map((one, i) => ({
        label: one.name,
        data: x.map((at, k) => ({x: at, y: one.values[k]})),
        borderColor: seriesColor(i), backgroundColor: seriesColor(i),
        borderWidth: 2, pointRadius: many ? 0 : 3, pointHoverRadius: 6, tension: 0, clip: 8,
      })),
    },
    options: options({
      interaction: {mode: 'index', intersect: false, axis: 'x'},
      scales: {
        x: scale(section.x_title, {type: 'linear', ticks: ticksOf(x), ...(x.length > 1 && {min: x[0], max: x[x.length - 1]})}),
        y: scale(section.y_title),
      },
      plugins: {
        tooltip: {
          callbacks: {
            title: (items) => `${section.x_title} ${shown(items[0].raw.x)}`,
            label: (item) => ` ${item.dataset.label}: ${shown(item.raw.y)}`,
          },
        },
      },
    }),
  }));
}

function drawBars(section, parent) {
  addChart(section, parent, section.names, section.series, 0, () => ({
    type: 'bar',
    data: {
      labels: section.names,
      datasets: section.series.map((one, i) => ({
        label: one.name, data: one.values, backgroundColor: seriesColor(i), borderRadius: 3,
      })),
    },
    options: options({
      interaction: {mode: 'index', intersect: false},
      scales: {
        x: scale('', {grid: {display: false}}),
        y: scale(section.y_title, {beginAtZero: true}),
      },
    }),
  }));
}

/// A dot for each name: unlike bars, dots are not misleading on an axis that does not start at zero.
function drawDots(section, parent) {
  const series = [{name: section.x_title, values: section.values}];
  addChart(section, parent, section.names, series, 60 + 26 * section.names.length, () => ({
    type: 'line',
    data: {
      labels: section.names.map((name, i) => [`${name}   ${section.values[i].toFixed(3)}`]),
      datasets: [{
        label: section.x_title, data: section.values, showLine: false, pointRadius: 6, pointHoverRadius: 8,
        backgroundColor: seriesColor(0), borderColor: seriesColor(0),
      }],
    },
    options: options({
      indexAxis: 'y',
      interaction: {mode: 'index', intersect: false, axis: 'y'},
      scales: {
        x: scale(section.x_title, {grace: '6%'}),
        y: scale('', {type: 'category', offset: true, ticks: {color: color('--ink'), autoSkip: false}}),
      },
      plugins: {
        legend: {display: false},
        tooltip: {
          callbacks: {
            title: (items) => section.names[items[0].dataIndex],
            label: (item) => ` ${section.values[item.dataIndex].toFixed(4)}  ${section.details[item.dataIndex]}`,
          },
        },
      },
    }),
  }));
}

// ---- pictures and tables ---------------------------------------------------------------------------------------------
function drawPictures(section, parent) {
  const box = html('div', {className: 'pictures'}, parent);
  if (section.columns) box.style.gridTemplateColumns = `repeat(${section.columns}, minmax(0, 1fr))`;
  for (const item of section.items) {
    const figure = html('figure', {className: 'picture'}, box);
    const frame = html('span', {className: section.ink ? 'frame ink' : 'frame'}, figure);
    html('img', {src: item.png, alt: item.caption}, frame);
    const caption = html('figcaption', {}, figure);
    html('span', {className: 'caption'}, caption, item.caption);
    if (item.detail) html('span', {className: 'detail'}, caption, item.detail);
  }
}

/// The diagonal and the rest have separate color scales, each up to its largest count, so that few mistakes are visible among many hits.
function drawHeat(section, parent) {
  const {names, counts} = section;
  const size = names.length;
  const hits = names.map((_, i) => counts[i * size + i]);
  const most = {good: Math.max(1, ...hits), bad: Math.max(1, ...counts.filter((_, i) => i % (size + 1) !== 0))};
  const table = html('table', {className: 'heat'}, html('div', {className: 'scroll'}, parent));
  const top = html('tr', {}, table);
  html('th', {}, top);
  html('th', {className: 'axis', colSpan: size}, top, `${section.column_title} →`);
  const head = html('tr', {}, table);
  html('th', {className: 'axis'}, head, `${section.row_title} ↓`);
  const columns = names.map((name) => html('th', {scope: 'col'}, head, name));
  names.forEach((name, row) => {
    const line = html('tr', {}, table);
    const title = html('th', {scope: 'row'}, line, name);
    const all = counts.slice(row * size, (row + 1) * size).reduce((sum, count) => sum + count, 0);
    names.forEach((other, column) => {
      const count = counts[row * size + column];
      const kind = row === column ? 'good' : 'bad';
      const share = Math.sqrt(count / most[kind]);
      const cell = html('td', {title: `${name} taken for ${other}: ${count} of ${all}`}, line, count ? shown(count) : '·');
      cell.className = count === 0 ? 'none' : share > 0.6 ? 'strong' : '';
      if (count) cell.style.background = `rgba(var(--${kind}), ${0.1 + 0.9 * share})`;
      for (const [event, on] of [['onmouseenter', true], ['onmouseleave', false]]) {
        cell[event] = () => [title, columns[column]].forEach((label) => label.classList.toggle('on', on));
      }
    });
  });
}

function drawTable(section, parent) {
  const table = html('table', {className: 'list'}, html('div', {className: 'scroll'}, parent));
  const head = html('tr', {}, table);
  for (const column of section.columns) html('th', {className: column.number ? 'number' : ''}, head, column.name);
  section.rows.forEach((row, i) => {
    const line = html('tr', {className: section.sum && i === section.rows.length - 1 ? 'sum' : ''}, table);
    row.forEach((cell, k) => {
      const box = html('td', {className: section.columns[k].number ? 'number' : ''}, line, cell.text);
      if (cell.detail) html('div', {className: 'detail'}, box, cell.detail);
      if (cell.share === undefined) return;
      box.className = 'share';
      html('i', {}, box).style.width = `calc(${Math.min(1, cell.share)} * (100% - 56px))`;
    });
  });
}

function drawFacts(section, parent) {
  const list = html('dl', {}, parent);
  for (const [name, value] of section.facts) {
    html('dt', {}, list, name);
    html('dd', {}, list, value);
  }
}

const draw = {
  lines: drawLines, bars: drawBars, dots: drawDots, pictures: drawPictures, heat: drawHeat, table: drawTable,
  facts: drawFacts,
};

// ---- the page --------------------------------------------------------------------------------------------------------
for (const figure of data.figures) {
  const card = html('div', {className: 'card figure'}, document.getElementById('figures'));
  html('div', {className: 'name'}, card, figure.name);
  html('div', {className: 'value'}, card, figure.value);
  if (figure.note) html('div', {className: 'note'}, card, figure.note);
}
data.parts.forEach((part, i) => {
  const main = document.getElementById('main');
  const link = html('a', {href: `#part-${i}`}, document.getElementById('parts'), part.title);
  link.hidden = !part.title;
  if (part.title) html('h2', {id: `part-${i}`}, main, part.title);
  const cards = html('div', {className: 'cards'}, main);
  for (const section of part.sections) {
    const card = html('section', {className: section.wide ? 'card wide' : 'card'}, cards);
    html('h3', {}, card, section.title);
    if (section.note) html('p', {className: 'note'}, card, section.note);
    draw[section.kind](section, card);
  }
});

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const {chart, make} of charts) {
    Object.assign(chart, {data: make().data, options: make().options});
    chart.update();
  }
});
document.body.dataset.ready = 'yes';
