// Lines of latitude and longitude, for a map that has no tiles: csmsGraticule(map).
"use strict";
(() => {
  const STEPS = [45, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];
  const NEAREST = 96;

  const degrees = (value, step, positive, negative) => {
    const places = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    return `${Math.abs(value).toFixed(places)}° ${value > 1e-9 ? positive : value < -1e-9 ? negative : ""}`.trim();
  };
  const label = (at, text, side) => window.L.marker(at, {
    interactive: false, keyboard: false,
    icon: window.L.divIcon({ className: `board-degrees board-degrees-${side}`, html: text, iconSize: null }),
  });
  const line = (ends) => window.L.polyline(ends, { className: "board-graticule", interactive: false, smoothFactor: 0, noClip: true });

  window.csmsGraticule = (map) => {
    const layer = window.L.layerGroup().addTo(map);
    const draw = () => {
      layer.clearLayers();
      const bounds = map.getBounds(), size = map.getSize(), inside = map.containerPointToLatLng([6, size.y - 22]);
      if (!size.x || !size.y) return;
      const wide = (bounds.getEast() - bounds.getWest()) / size.x * NEAREST;
      const step = [...STEPS].reverse().find((one) => one >= wide) || STEPS[0];
      const [west, east] = [Math.floor(bounds.getWest() / step) - 1, Math.ceil(bounds.getEast() / step) + 1];
      const [south, north] = [Math.max(-85, bounds.getSouth() - step), Math.min(85, bounds.getNorth() + step)];
      for (let number = west; number <= east; number += 1) {
        const at = number * step;
        layer.addLayer(line([[south, at], [north, at]]));
        layer.addLayer(label([inside.lat, at], degrees(((at + 540) % 360) - 180, step, "E", "W"), "x"));
      }
      for (let number = Math.floor(south / step); number * step <= north; number += 1) {
        const at = number * step;
        if (Math.abs(at) > 85) continue;
        layer.addLayer(line([[at, west * step], [at, east * step]]));
        layer.addLayer(label([at, inside.lng], degrees(at, step, "N", "S"), "y"));
      }
    };
    map.on("moveend zoomend resize", draw);
    draw();
  };
})();
