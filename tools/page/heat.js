
// ---- heat ------------------------------------------------------------------------------------------------------------
/// Colors the lines of assembly that threads were seen at, and puts each one's share of the kernel's samples before it.
function showHeat(item, pane) {
  const {code} = pane.stage.graph.nodes[item.path[0]];
  if (!code || !code.heat) return;
  const column = document.querySelector('#code .text:last-child');
  const text = column.querySelector('pre');
  const rows = [...text.children];
  const {samples, of, lines} = code.heat;
  const share = of > 0 ? (100 * samples / of).toFixed(1) : '0';
  column.querySelector('.bar').textContent += `: ${samples} samples, ${share}% of the graph's`;
  const counts = new Map(lines);
  const most = Math.max(1, ...counts.values());
  rows.forEach((row, i) => {
    const count = counts.get(i) || 0;
    const percent = count > 0 ? (100 * count / samples).toFixed(1) : '';
    row.prepend(html('span', {className: 'share'}, null, percent.padStart(5) + ' '));
    if (count === 0) return;
    row.title = `${count} samples` + (row.title ? ', ' + row.title : '');
    const strength = (0.6 * count / most).toFixed(2);
    row.style.backgroundImage = `linear-gradient(rgb(217 72 15 / ${strength}), rgb(217 72 15 / ${strength}))`;
    row.classList.toggle('hot', 2 * count >= most);
  });
  const hottest = lines.reduce((best, line) => line[1] > best[1] ? line : best, [0, 0]);
  if (hottest[1] > 0 && item.path.length === 1) text.scrollTop = rows[hottest[0]].offsetTop - text.offsetTop - text.clientHeight / 2;
}

const showPlainCode = showCode;
showCode = (item, pane) => {
  showPlainCode(item, pane);
  showHeat(item, pane);
};
if (chosen) showCode(chosen.item, chosen.pane);
