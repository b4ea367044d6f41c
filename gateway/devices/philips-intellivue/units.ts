/** The unit of a unit code (partition 4) in UCUM; an annotation with the code where it is not known. */
export function unitOf(code: number): string {
  let unit = units.get(code);
  if (unit === undefined) {
    const base = BASES.get(code) ?? prefixed(code);
    unit = base ?? `{unit-${code}}`;
    units.set(code, unit);
  }
  return unit;
}

/** Units looked up so far: at most one for each of the 65,536 codes. */
const units = new Map<number, string>();

/** The low five bits of most codes are a decimal prefix. */
const PREFIX_BITS = 0x1f;
const PREFIXES: Readonly<Record<number, string>> = {
  1: "da",
  2: "h",
  3: "k",
  4: "M",
  5: "G",
  6: "T",
  16: "d",
  17: "c",
  18: "m",
  19: "u",
  20: "n",
  21: "p",
  22: "f",
};

function prefixed(code: number): string | undefined {
  const prefix = PREFIXES[code & PREFIX_BITS];
  const base = PREFIXABLE.get(code & ~PREFIX_BITS);
  return prefix === undefined ? undefined : base?.replace("*", prefix);
}

/**
 * Codes without prefix, hexadecimal, and their unit; `*` is where a prefix goes. "Beats", "breaths" and "pulses" a minute are /min, and
 * "cmH2O/l/s" is the resistance cmH2O/(l/s). Left out: codes whose meaning is not one unit (02, a stroke; times of day and dates) or
 * is not certain (02a0 and 02c0, parts per billion or trillion; 07a0; 15c5, whose name says mega and whose prefix giga).
 */
const TABLE = `
0000 1  0200 1  0220 %  0240 [ppth]  0260 [ppm]  0360 mol/mol  03e0 [pH]  0400 [drp]  0420 {rbc}  0440 {beat}
0460 {breath}  0480 {cell}  04a0 {cough}  04c0 {sigh}  04e0 %{pcv}  0500 *m  0560 [in_i]  0580 *L/m2  05a0 /*m  05c0 *m2
05e0 [in_i]2  0620 *m3  0640 *L  0660 *L/{breath}  0680 /*m3  06a0 /*L  06c0 *g  06e0 [lb_av]  0700 [oz_av]  0720 /*g
0740 *g.m  0760 *g.m/m2  0780 *g.m2  07a3 kg/m2  07c0 *g/m3  07e0 *g/cm3  0800 *g/L  0840 *g/dL  0860 *g/mL  0880 *s
08a0 min  08c0 h  08e0 d  0900 wk  0920 mo  0940 a  09a0 /*s  09c0 *Hz  09e0 /min  0a00 /h  0a20 /d  0a40 /wk  0a60 /mo
0a80 /a  0aa0 /min  0ac0 /min  0ae0 /min  0b00 *m/s  0b20 *L/min/m2  0b40 *m2/s  0b60 *m3/s  0be0 *L/s  0c00 *L/min
0c20 *L/h  0c40 *L/d  0c60 *L/kg  0ce0 *g/s  0d00 *g/min  0d20 *g/h  0d40 *g/d  0d80 *g/kg/min  0da0 *g/kg/h  0de0 *g/L/s
0e60 *g/m/s  0e80 *g.m/s  0ea0 *N.s  0ec0 *N  0f00 *Pa  0f20 mm[Hg]  0f40 cm[H2O]  0f60 *bar  0f80 *J  0fa0 *eV  0fc0 *W
1020 dyn.s/cm5  1040 *A  1060 *C  10a0 *V  10c0 *Ohm  1100 *F  1120 K  1140 [degF]  1180 *cd  11a0 *osm  11c0 *mol
11e0 *eq  1200 *osm/L  1260 *mol/L  12e0 *eq/L  1340 *mol/kg  1440 *eq/d  1560 *[iU]  1580 *[iU]/cm3  15c0 *[iU]/L
15c5 {unit-5573}  15e0 *[iU]/mL  1620 *[iU]/min  1640 *[iU]/h  16a0 *[iU]/kg/min  16c0 *[iU]/kg/h  1700 *L/cm[H2O]  1720 cm[H2O].s/L
1740 *L2/s  1760 cm[H2O]/%  1780 dyn.s.m2/cm5  17a0 Cel  17c0 *A.h  1800 cm[H2O]/L  1820 mm[Hg]/%  1840 *Pa/%
1880 *L/mm[Hg]  1900 *L/dL  1920 dB  1940 *g/mg  1960 /min/*L  1980 /*L/min  19a0 *m/min
f001 {count}  f002 {part}  f003 {pulse}  f004 uV{p-p}  f005 uV2  f007 lm  f008 [psi]  f009 mm[Hg]/s  f00a mL/s  f00b /min/mL
f060 *J/d  f080 *cal  f0a0 *cal/d  f0c0 *cal/mL  f0e0 *J/mL  f100 {rev}/min  f120 /L/min/kg  f140 *L/mbar  f160 *L/kg/h
f180 *bar.s/L  f1a0 *bar/L  f1c0 V/mV  f1e0 cm[H2O]/uV  f200 *J/L  f220 *L/bar  f240 *m/mV  f260 *L/min/kg  f280 *Pa.s/L
f2a0 mL/*Pa  f2c0 mm[Hg].s/L  f2e0 *mol/h  f300 *L/{beat}  f320 *L/{beat}/m2  f340 *bar/s  f360 *Pa/L  f380 mm[Hg]/L
f3c0 *J/min  f3e0 *mol/mL  f400 *bar/min  f420 *Pa/min  f440 %.min  f460 %.h  f480 *L/cm[H2O]/kg  f4a0 cm[H2O]/min
`;

const BASES = new Map<number, string>();
const PREFIXABLE = new Map<number, string>();
for (const [, number = "", unit = ""] of TABLE.matchAll(/([0-9a-f]{4}) (\S+)/g)) {
  const code = Number.parseInt(number, 16);
  BASES.set(code, unit.replace("*", ""));
  if (unit.includes("*")) {
    PREFIXABLE.set(code, unit);
  }
}
