/**
 * Text messages (2AH): what each code tells about, by 90 28 329 and by the public code map of VSCaptureDrgVent. Texts of which only one can be
 * true at a time share a name. Codes that are not here are not given on, since a text may name a patient: 60H and 61H are
 * the patient's names, 42H and 43H the sex. Nor is 5DH, which is an alarm state in MEDIBUS.X and a mode in older maps.
 */
const LINES = `
VENT_MODE 01 02 04 05 06 07 08 09 0A 0B 0C 0D 0E 18 19 1A 1B 2B 2D 2E 2F 30 31 32 33 34 35 36 3E 47 59 5A 5B 6A 6B
SYNCHRON 0F 10
APNEA_VENTILATION 11
TEST 12
AIR_MODE 13
SKIN_MODE 14
O2_CONTROL 15
HUMIDITY_CONTROL 16
SUCTION_MANEUVER 1C
LOW_FLOW_MANEUVER 1D
STANDBY 1E 54
PATIENT_TYPE 20 21 3A
CO2_UNIT 22 23 24
AGENT 25 26 27 28 29 2A
LANGUAGE 2C
CARRIER_GAS 37 38
MANUAL_MODE 3B
OPEN_CARE 3C
PHOTO_THERAPY 3D
AGENT_END_EXP_CONTROL 45
AIRWAY 48 49
AGENT_2 4A 4B 4C 4D 4E 4F
MATTRESS_CONTROL 50
KANGAROO_MODE 51
LEAKAGE_TEST 53
LOW_PRESSURE_OXYGENATION 55
AGENT_UNIT 56 57
HLM_MODE 58
PRESSURE_SUPPORT 5C
AUTOFLOW 5E
FRESH_GAS_CONTROL 5F
SIMULATION 62
VENTILATOR_OFF 63
TRIGGER_LEVEL 64 65
APNEA_DETECTION_OFF 67
TUBE 68 70
VOLUME_GUARANTEE 69
ABDOMINAL_TRIGGER 6C
ATC 6D
ATC_EXP 6E
ATC_INSP 6F
APNEA_VENTILATION_ENABLED 71
APNEA_AUTO_RETURN 72
SCREEN_LOCKED 73
VOLUME_SUPPORT 74
AUTORELEASE 75
HUMIDIFIER 76 77 78
SC_PHASE 79 7A 7B
SC_DIAGNOSIS 7C 7D 7E 7F 80 81 82 83
SC_COPD 84
SC_NEUROLOGIC 85
SC_NIGHT_REST 86
SIGH 87
CUVETTE 88 89
HOSE 8A 8B
HOSE_SIZE 8C 8D
VARIABLE_PS 8E
SC_CUSTOMIZING 8F
DEVICE_CHECK 90 91 92
TRACHEAL_PRESSURE 9F
LAST_SELF_TEST A0
LAST_LEAKAGE_TEST A1
WARM_UP_MODE A2
WEANING_MODE A3
COOLING_MODE A4
CLOSED_CARE A5
MULTI_STEP_RECRUITMENT A6
ONE_STEP_RECRUITMENT A7
CPR_PAUSED A8
CALIBRATION_CHECK A9
`;

/** Reading code and containment of the text messages that are given on, by their code. */
export const TEXTS: ReadonlyMap<number, { readonly code: string; readonly path: string }> = new Map(
  LINES.trim()
    .split("\n")
    .flatMap((line, place) => {
      const [name = "", ...codes] = line.split(" ");
      const row = { code: `DRAEGER_${name}`, path: `1.4.${place + 1}` };
      return codes.map((hex) => [Number.parseInt(hex, 16), row] as const);
    }),
);

/** "Simulation on": what the device measures is made up. */
export const SIMULATION_CODE = 0x62;
/** "Mode DS": the device is being tested. */
export const TEST_CODE = 0x12;
/** Told by the device, known, and not given on. */
export const TEXTS_NOT_GIVEN_ON: ReadonlySet<number> = new Set([0x42, 0x43, 0x5d, 0x60, 0x61]);
