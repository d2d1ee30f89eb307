'use strict';
// Draws the layout of `sluice show`: the data include all positions.
const data = JSON.parse(document.getElementById('data').textContent);
const details = document.getElementById('details');
const panes = [...document.querySelectorAll('.pane')].map(makePane);

document.title = `@${data.name}: Sluice graph`;
document.getElementById('title').textContent = '@' + data.name;

function svg(name, attributes, parent, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

function html(name, attributes, parent, text) {
  const element = Object.assign(document.createElement(name), attributes);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

function makePane(section) {
  const bar = html('div', {className: 'bar'}, section);
  const pane = {bar, nodes: [], view: null};
  pane.select = html('select', {ariaLabel: 'Stage'}, bar);
  data.stages.forEach((stage, i) => html('option', {value: i}, pane.select, stage.name));
  pane.count = html('span', {className: 'count'}, bar);
  html('button', {onclick: () => showWidth(pane), title: 'As wide as this pane'}, bar, 'width');
  html('button', {onclick: () => showAll(pane)}, bar, 'all');
  pane.svg = svg('svg', {}, section);
  pane.select.onchange = () => draw(pane, Number(pane.select.value));
  addMoves(pane);
  return pane;
}

// ---- drawing ---------------------------------------------------------------------------------------------------------
function pathOf(points) {
  let path = `M${points[0][0]},${points[0][1]}`;
  for (let i = 1; i < points.length; ++i) {
    const [x0, y0] = points[i - 1];
    const [x1, y1] = points[i];
    const bend = Math.min(40, (y1 - y0) / 2);
    path += x0 === x1 ? `L${x1},${y1}` : `C${x0},${y0 + bend} ${x1},${y1 - bend} ${x1},${y1}`;
  }
  return path;
}

function drawGraph(pane, graph, parent, path) {
  const made = graph.nodes.map((node, i) => ({node, path: [...path, i], links: [], group: null}));
  for (const link of graph.links) {
    const line = svg('path', {class: 'link', d: pathOf(link.points), 'marker-end': 'url(#arrow)'}, parent);
    svg('title', {}, line, link.value);
    made[link.from].links.push({line, text: link.value, to: made[link.to]});
    made[link.to].links.push({line, text: link.value, from: made[link.from]});
  }
  for (const item of made) {
    const {node} = item;
    item.group = svg('g', {transform: `translate(${node.x},${node.y})`}, parent);
    item.rect = svg('rect', {class: `box ${node.kind}`, width: node.width, height: node.height}, item.group);
    item.rect.onclick = () => { if (!pane.moved) select(item, pane); };
    node.rows.forEach(([style, text], row) => {
      const label = svg('text', {class: style, x: 8, y: 16 + data.rowHeight * row}, item.group, text);
      label.style.pointerEvents = 'none';
    });
    pane.nodes.push(item);
    if (node.body) {
      const inner = svg('g', {transform: `translate(${node.bodyX},${node.bodyY})`}, item.group);
      drawGraph(pane, node.body, inner, item.path);
    }
  }
}

function draw(pane, index) {
  const stage = data.stages[index];
  pane.select.value = index;
  pane.stage = stage;
  pane.nodes = [];
  pane.svg.replaceChildren();
  const marker = svg('marker', {id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
                                orient: 'auto-start-reverse', markerUnits: 'userSpaceOnUse'}, svg('defs', {}, pane.svg));
  svg('path', {d: 'M0,0L8,4L0,8z', fill: 'var(--line)'}, marker);
  drawGraph(pane, stage.graph, pane.svg, []);
  pane.count.textContent = stage.summary;
  showWidth(pane);
  mark();
}

// ---- moving ----------------------------------------------------------------------------------------------------------
function apply(pane) {
  const {x, y, width, height} = pane.view;
  pane.svg.setAttribute('viewBox', `${x} ${y} ${width} ${height}`);
}

function showAll(pane) {
  const {width, height} = pane.stage.graph;
  pane.view = {x: -20, y: -20, width: width + 40, height: height + 40};
  apply(pane);
}

/// Shows the top of the graph at the width of the pane, but not enlarged nor too small to read.
function showWidth(pane) {
  const size = pane.svg.getBoundingClientRect();
  const {graph} = pane.stage;
  const width = Math.max(Math.min(graph.width + 40, 1.4 * size.width), size.width);
  const first = graph.nodes.length > 0 ? graph.nodes[0].x + graph.nodes[0].width / 2 : 0;
  const middle = graph.width <= width ? graph.width / 2 : Math.max(first, width / 2 - 20);
  pane.view = {x: middle - width / 2, y: -20, width, height: width * size.height / Math.max(size.width, 1)};
  apply(pane);
}

function showNode(pane, item) {
  const box = item.rect.getBBox();
  const matrix = pane.svg.getScreenCTM().inverse().multiply(item.rect.getScreenCTM());
  const x = matrix.e + box.width / 2;
  const y = matrix.f + Math.min(box.height, pane.view.height) / 2;
  pane.view.x = x - pane.view.width / 2;
  pane.view.y = y - pane.view.height / 2;
  apply(pane);
}

function isInView(pane, item) {
  const shown = pane.svg.getBoundingClientRect();
  const box = item.rect.getBoundingClientRect();
  return box.right > shown.left && box.left < shown.right && box.bottom > shown.top && box.top < shown.bottom;
}

function addMoves(pane) {
  let last = null;
  pane.svg.onpointerdown = (event) => { last = [event.clientX, event.clientY]; pane.moved = false; };
  window.addEventListener('pointerup', () => { last = null; });
  window.addEventListener('pointermove', (event) => {
    if (!last) return;
    const scale = 1 / pane.svg.getScreenCTM().a;
    const dx = event.clientX - last[0];
    const dy = event.clientY - last[1];
    if (Math.abs(dx) + Math.abs(dy) < 3 && !pane.moved) return;
    pane.moved = true;
    pane.view.x -= dx * scale;
    pane.view.y -= dy * scale;
    last = [event.clientX, event.clientY];
    apply(pane);
  });
  pane.svg.addEventListener('wheel', (event) => {
    event.preventDefault();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(pane.svg.getScreenCTM().inverse());
    const factor = Math.exp(event.deltaY * 0.0015);
    pane.view.x = at.x + (pane.view.x - at.x) * factor;
    pane.view.y = at.y + (pane.view.y - at.y) * factor;
    pane.view.width *= factor;
    pane.view.height *= factor;
    apply(pane);
  }, {passive: false});
  pane.svg.ondblclick = () => showAll(pane);
}

// ---- choosing and finding --------------------------------------------------------------------------------------------
let chosen = null;

/// Returns model lines as keys: "file:3-5, 7" yields file:3, file:4, file:5, file:7.
function keysOf(node) {
  const keys = new Set();
  for (const part of (node.lines || '').replaceAll('gradient of ', '').split('; ')) {
    const colon = part.lastIndexOf(':');
    if (colon < 0) continue;
    for (const range of part.slice(colon + 1).split(', ')) {
      const [first, last] = range.split('-').map(Number);
      const most = first + 10000;  // the name of a file may look like any range
      for (let line = first; line <= Math.min(last || first, most); ++line) keys.add(part.slice(0, colon) + ':' + line);
    }
  }
  return keys;
}

function textOf(node) {
  return [node.statement, node.lines, ...keysOf(node), ...node.rows.map((row) => row[1])].join(' ');
}

function mark() {
  const words = document.getElementById('search').value.trim().toLowerCase();
  const keys = chosen ? keysOf(chosen.item.node) : new Set();
  let found = 0;
  for (const pane of panes) {
    for (const item of pane.nodes) {
      const isChosen = chosen !== null && chosen.item === item;
      item.rect.classList.toggle('on', isChosen);
      item.rect.classList.toggle('kin', !isChosen && [...keysOf(item.node)].some((key) => keys.has(key)));
      item.isHit = words !== '' && textOf(item.node).toLowerCase().includes(words);
      if (item.isHit) ++found;
      item.group.classList.toggle('dim', words !== '' && !item.isHit);
      for (const link of item.links) link.line.classList.remove('on');
    }
  }
  if (chosen) chosen.item.links.forEach((link) => link.line.classList.add('on'));
  document.getElementById('found').textContent = words === '' ? '' : `${found} found`;
}

function describe(item, pane) {
  const {node} = item;
  details.replaceChildren();
  html('pre', {}, details, node.statement);
  const facts = html('div', {}, details);
  const line = (title, text) => {
    const row = html('div', {}, facts);
    html('b', {}, row, title + ' ');
    row.append(text);
  };
  if (node.lines) line('model lines', node.lines);
  for (const row of node.rows) if (row[0] === 'gives') line('gives', row[1]);
  for (const link of item.links) {
    const other = link.from || link.to;
    const row = html('div', {}, facts);
    html('b', {}, row, link.from ? 'reads ' : 'is read as ');
    row.append(link.text + (link.from ? ' of ' : ' by '));
    html('a', {onclick: () => { select(other, pane); showNode(pane, other); }}, row, other.node.rows[0][1]);
  }
}

// ---- code ------------------------------------------------------------------------------------------------------------
/// Shows the code of the kernel that `item` is or is in, and marks the lines that come from it.
function showCode(item, pane) {
  const section = document.getElementById('code');
  const {code} = pane.stage.graph.nodes[item.path[0]];
  section.hidden = !code;
  section.replaceChildren();
  if (!code) return;
  const keys = keysOf(item.node);
  const name = (item.node.statement.match(/^%\d+/) || [''])[0];
  const inBody = item.path.length > 1;
  const isOfNode = code.sources.map(({lines, node}) => inBody && node.split(' ')[0] === name && node.split(' ')[1] === item.node.op);
  const isOfLines = code.sources.map(({lines}) => keys.has(lines));
  for (const [title, lines] of [['LLVM IR', code.llvm], ['assembly', code.assembly]]) {
    const column = html('div', {className: 'text'}, section);
    html('div', {className: 'bar'}, column, `${title} of ${code.name}`);
    const text = html('pre', {}, column);
    let first = null;
    for (const [line, source] of lines) {
      const {lines: from, node} = code.sources[source];
      const row = html('span', {title: [node, from].filter(Boolean).join(', ')}, text, line + '\n');
      row.className = isOfNode[source] ? 'node' : isOfLines[source] ? 'kin' : '';
      if (!first && (inBody ? isOfNode[source] : isOfLines[source])) first = row;
    }
    if (first) text.scrollTop = first.offsetTop - text.offsetTop;
  }
}

/// Shows the details of `item` and, in the other pane, a node of the same lines if none is in view there.
function select(item, pane) {
  chosen = {item, pane};
  describe(item, pane);
  showCode(item, pane);
  mark();
  for (const other of panes.filter((each) => each !== pane)) {
    const kin = other.nodes.filter((each) => each.rect.classList.contains('kin'));
    if (kin.length > 0 && !kin.some((each) => isInView(other, each))) showNode(other, kin[0]);
  }
}

document.getElementById('search').oninput = () => {
  mark();
  for (const pane of panes) {
    const hit = pane.nodes.find((item) => item.isHit);
    if (hit) showNode(pane, hit);
  }
};

/// Enter moves to the next match, through the left pane and then the right one.
document.getElementById('search').onkeydown = (event) => {
  if (event.key !== 'Enter') return;
  const hits = panes.flatMap((pane) => pane.nodes.filter((item) => item.isHit).map((item) => ({item, pane})));
  if (hits.length === 0) return;
  const {item, pane} = hits[(hits.findIndex((hit) => chosen && hit.item === chosen.item) + 1) % hits.length];
  select(item, pane);
  showNode(pane, item);
};

// ---- start -----------------------------------------------------------------------------------------------------------
// #LEFT,RIGHT,NODE in the address selects the stages and a node of the right one, so that a view can be bookmarked.
const [left, right, node] = location.hash.slice(1).split(',').map((part) => (part === '' ? NaN : Number(part)));
draw(panes[0], Number.isNaN(left) ? Math.max(data.stages.length - 2, 0) : left);
draw(panes[1], Number.isNaN(right) || right === undefined ? data.stages.length - 1 : right);
if (Number.isInteger(node) && panes[1].nodes[node]) {
  select(panes[1].nodes[node], panes[1]);
  showNode(panes[1], panes[1].nodes[node]);
}
