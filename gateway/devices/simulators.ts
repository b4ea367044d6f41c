import { simulator as alarisAsena } from "./alaris-asena/simulator.ts";
import { simulator as baxterAs50 } from "./baxter-as50/simulator.ts";
import { simulator as apcSmartups } from "./apc-smartups/simulator.ts";
import { simulator as astmE1394 } from "./astm-e1394/simulator.ts";
import { simulator as benderComtraxx } from "./bender-comtraxx/simulator.ts";
import { simulator as contecCms50dplus } from "./contec-cms50dplus/simulator.ts";
import { simulator as draegerMedibus } from "./draeger-medibus/simulator.ts";
import { simulator as freseniusAgilia } from "./fresenius-agilia/simulator.ts";
import { simulator as geS5Dri } from "./ge-s5-dri/simulator.ts";
import { simulator as genericLine } from "./generic-line/simulator.ts";
import { simulator as ivy450c } from "./ivy-450c/simulator.ts";
import { simulator as genericModbus } from "./generic-modbus/simulator.ts";
import { simulator as genericOpcua } from "./generic-opcua/simulator.ts";
import { simulator as ladsDevice } from "./lads-device/simulator.ts";
import { simulator as ladsIncubator } from "./lads-incubator/simulator.ts";
import type { LadsSimulator } from "./lads-simulator.ts";
import { simulator as masimoAscii1 } from "./masimo-ascii1/simulator.ts";
import { simulator as medtronicCapnostream20 } from "./medtronic-capnostream20/simulator.ts";
import type { ModbusSimulator } from "./modbus-simulator.ts";
import { simulator as nellcorN595 } from "./nellcor-n595/simulator.ts";
import { simulator as noninAscii } from "./nonin-ascii/simulator.ts";
import { simulator as noninFormat7 } from "./nonin-format7/simulator.ts";
import { simulator as noninOem3Format2 } from "./nonin-oem3-format2/simulator.ts";
import type { OpcuaSimulator } from "./opcua-simulator.ts";
import { simulator as philipsIntellivue } from "./philips-intellivue/simulator.ts";
import { simulator as puritanBennett840 } from "./puritan-bennett-840/simulator.ts";
import type { StreamSimulator } from "./simulator.ts";
import { simulator as thermoFreezer } from "./thermo-freezer/simulator.ts";
import { simulator as tsiRpc30 } from "./tsi-rpc30/simulator.ts";

/** Every simulated stream device, one line a model. Apart from the catalog, so that the gateway does not load them. */
export const STREAM_SIMULATORS: readonly StreamSimulator[] = [
  noninOem3Format2,
  masimoAscii1,
  noninFormat7,
  noninAscii,
  nellcorN595,
  contecCms50dplus,
  ivy450c,
  medtronicCapnostream20,
  puritanBennett840,
  astmE1394,
  alarisAsena,
  genericLine,
  philipsIntellivue,
  draegerMedibus,
  baxterAs50,
  freseniusAgilia,
  geS5Dri,
];

/** Every simulated Modbus device. */
export const MODBUS_SIMULATORS: readonly ModbusSimulator[] = [
  tsiRpc30,
  benderComtraxx,
  apcSmartups,
  thermoFreezer,
  genericModbus,
];

/** Every simulated LADS device. */
export const LADS_SIMULATORS: readonly LadsSimulator[] = [ladsIncubator, ladsDevice];

/** Every other simulated device with an OPC-UA server. */
export const OPCUA_SIMULATORS: readonly OpcuaSimulator[] = [genericOpcua];
