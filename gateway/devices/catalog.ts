import { WardError } from "../errors.ts";
import type { Driver } from "./device.ts";
import { driver as alarisAsena } from "./alaris-asena/driver.ts";
import { driver as baxterAs50 } from "./baxter-as50/driver.ts";
import { driver as apcSmartups } from "./apc-smartups/driver.ts";
import { driver as astmE1394 } from "./astm-e1394/driver.ts";
import { driver as benderComtraxx } from "./bender-comtraxx/driver.ts";
import { driver as contecCms50dplus } from "./contec-cms50dplus/driver.ts";
import { driver as draegerMedibus } from "./draeger-medibus/driver.ts";
import { driver as freseniusAgilia } from "./fresenius-agilia/driver.ts";
import { driver as geS5Dri } from "./ge-s5-dri/driver.ts";
import { driver as genericLine } from "./generic-line/driver.ts";
import { driver as ivy450c } from "./ivy-450c/driver.ts";
import { driver as genericModbus } from "./generic-modbus/driver.ts";
import { driver as genericOpcua } from "./generic-opcua/driver.ts";
import { driver as ladsDevice } from "./lads-device/driver.ts";
import { driver as ladsIncubator } from "./lads-incubator/driver.ts";
import { driver as masimoAscii1 } from "./masimo-ascii1/driver.ts";
import { driver as medtronicCapnostream20 } from "./medtronic-capnostream20/driver.ts";
import { driver as nellcorN595 } from "./nellcor-n595/driver.ts";
import { driver as noninAscii } from "./nonin-ascii/driver.ts";
import { driver as noninFormat7 } from "./nonin-format7/driver.ts";
import { driver as noninOem3Format2 } from "./nonin-oem3-format2/driver.ts";
import { driver as philipsIntellivue } from "./philips-intellivue/driver.ts";
import { driver as puritanBennett840 } from "./puritan-bennett-840/driver.ts";
import { driver as thermoFreezer } from "./thermo-freezer/driver.ts";
import { driver as tsiRpc30 } from "./tsi-rpc30/driver.ts";

/** Every device the gateway can read, one line a model. */
export const DRIVERS: readonly Driver[] = [
  noninOem3Format2,
  masimoAscii1,
  noninFormat7,
  noninAscii,
  nellcorN595,
  contecCms50dplus,
  tsiRpc30,
  benderComtraxx,
  apcSmartups,
  thermoFreezer,
  genericModbus,
  ladsIncubator,
  ladsDevice,
  genericOpcua,
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

/** The driver of a model, or undefined. */
export function driverOf(model: string): Driver | undefined {
  return DRIVERS.find(({ facts }) => facts.model === model);
}

/** The driver of a model; throws WardError `WARD_UNKNOWN_MODEL`. */
export function needDriver(model: string): Driver {
  const driver = driverOf(model);
  if (driver === undefined) {
    throw new WardError(
      "WARD_UNKNOWN_MODEL",
      `Cannot read model "${model.slice(0, 64)}": it is not known. wardgate devices list shows every model.`,
    );
  }
  return driver;
}
