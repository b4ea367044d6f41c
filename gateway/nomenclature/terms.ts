/**
 * The terms the gateway knows, one a line:
 * reference id | code | verified | evidence | group | name | earlier ids | LOINC | UCUM | MDC unit | gate low | gate high
 *
 * Evidence letters: I IHE Devices Technical Framework Rev. 10; V Philips IntelliVue Data Export (term and partition);
 * M Medizininformatik-Initiative ICU module (MDC and LOINC pairs); D Draeger SDC containment tree; Y Mindray; C seen in a
 * real capture; P HL7 PoCD; R reference id only; S two independent public IEEE 11073-10101 tables; T one such table, in
 * public code for respiratory terms and personal health devices. Gates are limits of what is physically
 * possible, chosen for this gateway; they are no clinical limits. A line that is not verified (reference id and code were
 * not seen together, or sources disagree) is found by no lookup: it waits for the authority, NIST RTMMS; nothing is guessed.
 */
export const TERM_LINES = `
MDC_ECG_HEART_RATE | 147842 | yes | I V M Y C | vital | Heart rate (ECG) | MDC_ECG_CARD_BEAT_RATE | 8867-4 | /min | MDC_DIM_BEAT_PER_MIN | 0 | 350
MDC_PULS_RATE | 149514 | yes | V M | vital | Pulse rate (generic) | - | 8867-4 | /min | MDC_DIM_BEAT_PER_MIN | 0 | 350
MDC_PULS_OXIM_PULS_RATE | 149530 | yes | Y R | vital | Pulse rate (SpO2) | - | 8889-8 | /min | MDC_DIM_BEAT_PER_MIN | 18 | 350
MDC_PULS_RATE_NON_INV | 149546 | yes | I | vital | Pulse rate (NIBP) | - | 8867-4 | /min | MDC_DIM_BEAT_PER_MIN | 0 | 350
MDC_PLETH_PULS_RATE | 149538 | yes | V C | vital | Pulse rate (pleth, Philips) | - | - | /min | MDC_DIM_BEAT_PER_MIN | 0 | 350
MDC_PULS_OXIM_SAT_O2 | 150456 | yes | I V Y C | vital | SpO2 | - | 59408-5 2708-6 | % | MDC_DIM_PERCENT | 0 | 100
MDC_SAT_O2_ART | 150324 | yes | V M | vital | SaO2 (arterial) | - | 2708-6 | % | MDC_DIM_PERCENT | 0 | 100
- | 160296 | no | M | vital | SpO2 pre-ductal | - | 59407-7 | % | MDC_DIM_PERCENT | 0 | 100
- | 160300 | no | M | vital | SpO2 post-ductal | - | 59418-4 | % | MDC_DIM_PERCENT | 0 | 100
MDC_SAT_O2_VEN | 150332 | yes | V | vital | SvO2 | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_PULS_OXIM_PERF_REL | 150448 | yes | I V C | vital | Perfusion index (relative) | - | - | 1 | MDC_DIM_DIMLESS | 0 | 30
MDC_BLD_PERF_INDEX | 150488 | yes | Y | vital | Perfusion index | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_PRESS_BLD_NONINV | 150020 | yes | I P | vital | NIBP panel | - | 85354-9 | mm[Hg] | MDC_DIM_MMHG | 0 | 350
MDC_PRESS_BLD_NONINV_SYS | 150021 | yes | I V P C | vital | NIBP systolic | - | 8480-6 | mm[Hg] | MDC_DIM_MMHG | 0 | 350
MDC_PRESS_BLD_NONINV_DIA | 150022 | yes | I V P | vital | NIBP diastolic | - | 8462-4 | mm[Hg] | MDC_DIM_MMHG | 0 | 300
MDC_PRESS_BLD_NONINV_MEAN | 150023 | yes | I V P C | vital | NIBP mean | - | 8478-0 | mm[Hg] | MDC_DIM_MMHG | 0 | 330
MDC_PRESS_CUFF_SYS | 150301 | yes | Y | vital | NIBP cuff systolic (Mindray) | - | 8480-6 | mm[Hg] | MDC_DIM_MMHG | 0 | 350
MDC_PRESS_CUFF_DIA | 150302 | yes | Y | vital | NIBP cuff diastolic (Mindray) | - | 8462-4 | mm[Hg] | MDC_DIM_MMHG | 0 | 350
MDC_PRESS_CUFF_MEAN | 150303 | yes | Y | vital | NIBP cuff mean (Mindray) | - | 8478-0 | mm[Hg] | MDC_DIM_MMHG | 0 | 350
MDC_PRESS_BLD_SYS | 150017 | yes | V M | vital | Invasive BP systolic | - | 8480-6 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_DIA | 150018 | yes | V M | vital | Invasive BP diastolic | - | 8462-4 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_MEAN | 150019 | yes | V M | vital | Invasive BP mean | - | 8478-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_SYS | 150033 | yes | V | vital | ART systolic | - | 8480-6 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_DIA | 150034 | yes | V | vital | ART diastolic | - | 8462-4 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_MEAN | 150035 | yes | V | vital | ART mean | - | 8478-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_ABP_SYS | 150037 | yes | V R | vital | ABP systolic | - | 8480-6 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_ABP_DIA | 150038 | yes | V R | vital | ABP diastolic | - | 8462-4 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_ABP_MEAN | 150039 | yes | V R | vital | ABP mean | - | 8478-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_PULM_SYS | 150045 | yes | V M | vital | PAP systolic | - | 8440-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ART_PULM_DIA | 150046 | yes | V M | vital | PAP diastolic | - | 8385-7 | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ART_PULM_MEAN | 150047 | yes | V M | vital | PAP mean | - | 8414-5 | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ART_PULM_WEDGE | 150052 | yes | V M | vital | PAWP | - | 75994-4 | mm[Hg] | MDC_DIM_MMHG | -50 | 100
MDC_PRESS_BLD_VEN_CENT | 150084 | yes | V M P | vital | CVP | - | 60985-9 | mm[Hg] | MDC_DIM_MMHG | -50 | 100
MDC_PRESS_BLD_VEN_CENT_MEAN | 150087 | yes | V P | vital | CVP mean | - | 60985-9 | mm[Hg] | MDC_DIM_MMHG | -50 | 100
MDC_PRESS_INTRA_CRAN | 153608 | yes | V M | vital | ICP | - | 60956-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_CEREB_PERF | 153604 | yes | V M | vital | CPP | - | 61017-0 | mm[Hg] | MDC_DIM_MMHG | -50 | 300
MDC_TEMP | 150344 | yes | V Y | vital | Temperature (site unspecified) | - | 8310-5 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_AWAY | 150356 | yes | V M | vital | Temperature airway | - | 60955-2 | Cel | MDC_DIM_DEGC | 10 | 60
MDC_TEMP_CORE | 150368 | yes | V M | vital | Temperature core | - | 8329-5 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_ESOPH | 150372 | yes | V M | vital | Temperature oesophageal | - | 60836-4 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_TYMP | 150392 | yes | V M | vital | Temperature tympanic | - | 8333-7 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_RECT | 188420 | yes | V M | vital | Temperature rectal | - | 8332-9 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_ORAL | 188424 | no | M | vital | Temperature oral | - | 8331-1 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_BLD | 188436 | yes | V M | vital | Temperature blood | - | 60834-9 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_AXIL | 188452 | no | M | vital | Temperature axillary | - | 8328-7 | Cel | MDC_DIM_DEGC | 10 | 50
MDC_RESP_RATE | 151562 | yes | I V | vital | Respiration rate (generic) | - | 9279-1 | /min | MDC_DIM_RESP_PER_MIN | 0 | 200
MDC_TTHOR_RESP_RATE | 151578 | yes | Y R | vital | Respiration rate (impedance) | - | 9279-1 | /min | MDC_DIM_RESP_PER_MIN | 0 | 200
MDC_AWAY_RESP_RATE | 151570 | yes | V | vital | Respiration rate (airway) | - | 9279-1 | /min | MDC_DIM_RESP_PER_MIN | 0 | 200
MDC_CO2_RESP_RATE | 151594 | yes | D R | vital | Respiration rate (CO2) | - | 9279-1 | /min | MDC_DIM_RESP_PER_MIN | 0 | 200
MDC_ECG_AMPL_ST_II | 131842 | yes | V C | vital | ST level, lead II | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_TIME_PD_QT_GL | 147232 | yes | I V | vital | QT | - | - | ms | MDC_DIM_MILLI_SEC | 0 | 900
MDC_ECG_TIME_PD_QTc | 147236 | yes | I V | vital | QTc | - | - | ms | MDC_DIM_MILLI_SEC | 0 | 900
MDC_ECG_V_P_C_RATE | 148066 | yes | V Y | vital | PVC rate | - | - | /min | MDC_DIM_BEAT_PER_MIN | 0 | 300
MDC_OUTPUT_CARD | 150276 | yes | V M | vital | Cardiac output | - | 8741-1 | L/min | MDC_DIM_X_L_PER_MIN | 0 | 30
MDC_EEG_BISPECTRAL_INDEX | 192590 | yes | V | vital | BIS | - | - | 1 | MDC_DIM_DIMLESS | 0 | 100
MDC_CONC_AWAY_O2_INSP | 152196 | yes | V | vent | FiO2 (airway, measured) | - | 3150-0 | % | MDC_DIM_PERCENT | 15 | 100
MDC_VENT_CONC_AWAY_O2_INSP | 160920 | yes | V | vent | FiO2 (ventilator) | - | 3150-0 | % | MDC_DIM_PERCENT | 15 | 100
- | 153144 | no | D | vent | FiO2 (gas delivery) | - | 3150-0 | % | MDC_DIM_PERCENT | 15 | 100
MDC_CONC_AWAY_O2_ET | 152440 | yes | V D | vent | etO2 | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_AWAY_CO2_ET | 151728 | yes | V | vent | etCO2 (partial pressure) | - | 19891-1 | mm[Hg] | MDC_DIM_MMHG | 0 | 150
MDC_CONC_AWAY_CO2_ET | 151708 | yes | V M D | vent | etCO2 (concentration) | - | 19891-1 | mm[Hg] | MDC_DIM_MMHG | 0 | 150
MDC_CONC_AWAY_CO2_INSP | 151716 | yes | D | vent | inCO2 | - | - | % | MDC_DIM_PERCENT | 0 | 20
MDC_VENT_PRESS_AWAY_END_EXP_POS | 151976 | yes | V M | vent | PEEP | - | 76248-4 | cm[H2O] | MDC_DIM_CM_H2O | -10 | 120
- | 151973 | no | M | vent | Peak inspiratory pressure | - | 76531-3 | cm[H2O] | MDC_DIM_CM_H2O | -20 | 150
- | 151975 | no | M | vent | Mean airway pressure | - | 76530-5 | cm[H2O] | MDC_DIM_CM_H2O | -20 | 120
MDC_PRESS_RESP_PLAT | 151784 | yes | V | vent | Plateau pressure | - | - | cm[H2O] | MDC_DIM_CM_H2O | -20 | 150
MDC_PRESS_AWAY | 151792 | yes | V R | vent | Airway pressure (wave) | - | - | cm[H2O] | MDC_DIM_CM_H2O | -50 | 150
MDC_VOL_AWAY_TIDAL | 151868 | yes | V R | vent | Tidal volume (generic) | - | - | mL | MDC_DIM_MILLI_L | 0 | 4000
- | 151980 | no | M | vent | Tidal volume during ventilation | - | 76222-9 | mL | MDC_DIM_MILLI_L | 0 | 4000
MDC_VOL_MINUTE_AWAY_EXP | 151884 | yes | V | vent | Minute volume (exp.) | - | - | L/min | MDC_DIM_X_L_PER_MIN | 0 | 100
- | 152004 | no | M | vent | Minute volume (ventilator) | - | 76009-0 | L/min | MDC_DIM_X_L_PER_MIN | 0 | 100
MDC_VENT_RESP_RATE | 151586 | no | M R | vent | Ventilator respiratory rate | - | 33438-3 | /min | MDC_DIM_RESP_PER_MIN | 0 | 200
MDC_COMPL_LUNG_DYN | 151692 | yes | V M | vent | Compliance (dynamic) | - | 60827-3 | mL/cm[H2O] | MDC_DIM_MILLI_L_PER_CM_H2O | 0 | 500
MDC_RES_AWAY | 151840 | yes | V | vent | Airway resistance | - | - | cm[H2O].s/L | MDC_DIM_CM_H2O_PER_L_PER_SEC | 0 | 500
MDC_RATIO_IE | 151832 | yes | V M | vent | I:E ratio | - | 75931-6 | {ratio} | MDC_DIM_DIMLESS | 0 | 20
MDC_VENT_FLOW_INSP | 151948 | yes | V M | vent | Inspiratory flow | - | 60794-5 | L/min | MDC_DIM_X_L_PER_MIN | -300 | 300
MDC_CONC_AWAY_SEVOFL_ET | 152096 | yes | V D | vent | Sevoflurane end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 20
MDC_CONC_AWAY_N2O_ET | 152108 | yes | V D | vent | N2O end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_FLOW_FLUID_PUMP | 157784 | yes | I R | infusion | Flow, programmed source | - | - | mL/h | MDC_DIM_MILLI_L_PER_HR | 0 | 2000
MDC_FLOW_FLUID_PUMP_CURRENT | 158014 | yes | I | infusion | Flow, current | - | - | mL/h | MDC_DIM_MILLI_L_PER_HR | 0 | 2000
MDC_VOL_FLUID_TBI | 157884 | yes | I | infusion | Volume to be infused | - | - | mL | MDC_DIM_MILLI_L | 0 | 10000
MDC_VOL_FLUID_TBI_REMAIN | 157872 | yes | I | infusion | VTBI remaining | - | - | mL | MDC_DIM_MILLI_L | 0 | 10000
MDC_VOL_FLUID_DELIV | 157864 | yes | I R | infusion | Volume infused | - | - | mL | MDC_DIM_MILLI_L | 0 | 100000
MDC_VOL_FLUID_DELIV_TOTAL | 157993 | yes | I | infusion | Volume delivered, total | - | - | mL | MDC_DIM_MILLI_L | 0 | 100000
MDC_TIME_PD_REMAIN | 157916 | yes | I | infusion | Time remaining | - | - | min | MDC_DIM_MIN | 0 | 100000
MDC_RATE_DOSE | 157924 | yes | I | infusion | Dose rate | - | - | ug/kg/min | MDC_DIM_MICRO_G_PER_KG_PER_MIN | 0 | 100000
MDC_CONC_DRUG | 157760 | yes | I | infusion | Drug concentration | - | - | mg/mL | MDC_DIM_MILLI_G_PER_ML | 0 | 100000
MDC_MASS_BODY_ACTUAL | 188736 | yes | S antidote | patient | Body weight | - | 29463-7 | kg | MDC_DIM_KILO_G | 0 | 500
MDC_ATTR_PT_WEIGHT | 68063 | yes | I | patient | Patient weight set in device | - | 29463-7 | kg | MDC_DIM_KILO_G | 0 | 500
MDC_TEMP_ROOM | 188508 | yes | S | environment | Room temperature | - | - | Cel | MDC_DIM_DEGC | -40 | 60
MDC_PULS_OXIM_PLETH | 150452 | yes | V S | vital | Plethysmogram (wave) | - | - | 1 | MDC_DIM_DIMLESS | - | -
MDC_ECG_ELEC_POTL_I | 131329 | yes | V Y | vital | ECG lead I (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_II | 131330 | yes | V Y | vital | ECG lead II (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_III | 131389 | yes | V Y | vital | ECG lead III (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_AVR | 131390 | yes | V Y | vital | ECG lead AVR (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_AVL | 131391 | yes | V Y | vital | ECG lead AVL (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_AVF | 131392 | yes | V Y | vital | ECG lead AVF (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V1 | 131331 | yes | V Y | vital | ECG lead V1 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V2 | 131332 | yes | V Y | vital | ECG lead V2 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V3 | 131333 | yes | V Y | vital | ECG lead V3 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V4 | 131334 | yes | V Y | vital | ECG lead V4 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V5 | 131335 | yes | V Y | vital | ECG lead V5 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V6 | 131336 | yes | V Y | vital | ECG lead V6 (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_ELEC_POTL_V | 131395 | yes | V Y | vital | ECG lead V (wave) | - | - | mV | MDC_DIM_MILLI_VOLT | - | -
MDC_ECG_AMPL_ST_I | 131841 | yes | V Y | vital | ST level, lead I | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_III | 131901 | yes | V Y | vital | ST level, lead III | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_AVR | 131902 | yes | V Y | vital | ST level, lead AVR | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_AVL | 131903 | yes | V Y | vital | ST level, lead AVL | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_AVF | 131904 | yes | V Y | vital | ST level, lead AVF | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V1 | 131843 | yes | V Y | vital | ST level, lead V1 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V2 | 131844 | yes | V Y | vital | ST level, lead V2 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V3 | 131845 | yes | V Y | vital | ST level, lead V3 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V4 | 131846 | yes | V Y | vital | ST level, lead V4 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V5 | 131847 | yes | V Y | vital | ST level, lead V5 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_AMPL_ST_V6 | 131848 | yes | V Y | vital | ST level, lead V6 | - | - | mm | MDC_DIM_MILLI_M | -25 | 25
MDC_ECG_V_P_C_CNT | 148065 | yes | V T | vital | PVC count | - | - | /min | MDC_DIM_BEAT_PER_MIN | 0 | 300
MDC_PRESS_BLD | 150016 | yes | V Y | vital | Invasive BP | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART | 150032 | yes | V Y | vital | ART | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 400
MDC_PRESS_BLD_ART_PULM | 150044 | yes | V Y | vital | PAP | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_LEFT | 150064 | yes | V Y | vital | LAP | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_LEFT_SYS | 150065 | yes | V M | vital | LAP systolic | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_LEFT_DIA | 150066 | yes | V M | vital | LAP diastolic | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_LEFT_MEAN | 150067 | yes | V M | vital | LAP mean | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_RIGHT | 150068 | yes | V Y | vital | RAP | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_RIGHT_SYS | 150069 | yes | V M | vital | RAP systolic | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_RIGHT_DIA | 150070 | yes | V M | vital | RAP diastolic | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_PRESS_BLD_ATR_RIGHT_MEAN | 150071 | yes | V M | vital | RAP mean | - | - | mm[Hg] | MDC_DIM_MMHG | -50 | 200
MDC_OUTPUT_CARD_INDEX | 149772 | yes | V M | vital | Cardiac index | - | - | L/min/m2 | MDC_DIM_X_L_PER_MIN_PER_M_SQ | 0 | 30
MDC_TEMP_ART | 150352 | yes | V Y | vital | Temperature arterial | - | - | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_NASOPH | 150380 | yes | V M Y | vital | Temperature nasopharyngeal | - | - | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_SKIN | 150388 | yes | V Y | vital | Temperature skin | - | - | Cel | MDC_DIM_DEGC | 0 | 50
MDC_TEMP_VEN | 150396 | yes | V Y | vital | Temperature venous | - | - | Cel | MDC_DIM_DEGC | 10 | 50
MDC_TEMP_DIFF | 188440 | yes | V Y | vital | Temperature difference | - | - | Cel | MDC_DIM_DEGC | -40 | 40
MDC_IMPED_TTHOR | 151780 | yes | V Y T | vital | Thoracic impedance (wave) | - | - | Ohm | MDC_DIM_X_OHM | - | -
MDC_TIME_PD_APNEA | 151856 | yes | V T | vital | Apnea duration | - | - | s | MDC_DIM_SEC | 0 | 3600
MDC_EMG_ELEC_POTL_MUSCL | 153916 | yes | V Y | vital | EMG | - | - | uV | MDC_DIM_MICRO_VOLT | - | -
MDC_EEG_FREQ_PWR_SPEC_CRTX_SPECTRAL_EDGE | 153992 | yes | V Y | vital | EEG spectral edge frequency | - | - | Hz | MDC_DIM_HZ | 0 | 100
MDC_CONC_HB_ART | 159764 | yes | V Y | vital | Haemoglobin (arterial) | - | - | g/dL | MDC_DIM_X_G_PER_DL | 0 | 40
MDC_CONC_HCT_GEN | 160132 | yes | V Y | vital | Haematocrit | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_CO2 | 151700 | yes | V Y T | vent | CO2 concentration in airway | - | - | % | MDC_DIM_PERCENT | - | -
MDC_AWAY_CO2 | 151724 | yes | V T | vent | CO2 pressure in airway (wave) | - | - | mm[Hg] | MDC_DIM_MMHG | -20 | 200
MDC_FLOW_AWAY | 151764 | yes | V T | vent | Airway flow (wave) | - | - | L/min | MDC_DIM_X_L_PER_MIN | -300 | 300
MDC_FLOW_AWAY_EXP_MAX | 151769 | yes | V T | vent | Peak expiratory flow | - | - | L/min | MDC_DIM_X_L_PER_MIN | -300 | 300
MDC_FLOW_AWAY_INSP_MAX | 151773 | yes | V T | vent | Peak inspiratory flow | - | - | L/min | MDC_DIM_X_L_PER_MIN | -300 | 300
MDC_FLOW_CO2_PROD_RESP | 151776 | yes | V T | vent | CO2 production | - | - | mL/min | MDC_DIM_MILLI_L_PER_MIN | 0 | 5000
MDC_PRESS_AWAY_MIN | 151794 | yes | V T | vent | Airway pressure minimum | - | - | cm[H2O] | MDC_DIM_CM_H2O | -100 | 150
MDC_PRESS_AWAY_CTS_POS | 151796 | yes | V T | vent | CPAP | - | - | cm[H2O] | MDC_DIM_CM_H2O | -20 | 120
MDC_PRESS_AWAY_END_EXP_POS_INTRINSIC | 151808 | yes | V T | vent | Intrinsic PEEP | - | - | cm[H2O] | MDC_DIM_CM_H2O | -20 | 120
MDC_COMPL_LUNG | 151688 | yes | V T | vent | Compliance | - | - | mL/cm[H2O] | MDC_DIM_MILLI_L_PER_CM_H2O | 0 | 500
MDC_COMPL_LUNG_STATIC | 151696 | yes | V T | vent | Compliance (static) | - | - | mL/cm[H2O] | MDC_DIM_MILLI_L_PER_CM_H2O | 0 | 500
MDC_CAPAC_VITAL | 151680 | yes | V T | vent | Vital capacity | - | - | mL | MDC_DIM_MILLI_L | 0 | 10000
MDC_VOL_MINUTE_AWAY | 151880 | yes | V T | vent | Minute volume (generic) | - | - | L/min | MDC_DIM_X_L_PER_MIN | 0 | 100
MDC_VOL_MINUTE_AWAY_INSP | 151888 | yes | V T | vent | Minute volume (insp.) | - | - | L/min | MDC_DIM_X_L_PER_MIN | 0 | 100
MDC_VENT_VOL_MINUTE_AWAY_MAND | 152012 | yes | V T | vent | Minute volume (mandatory) | - | - | L/min | MDC_DIM_X_L_PER_MIN | 0 | 100
MDC_CONC_AWAY_O2 | 151908 | yes | V T | vent | O2 concentration in airway | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_VENT_CONC_AWAY_O2_EXP | 151916 | yes | V T | vent | O2 concentration, expired | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_DESFL | 152024 | yes | V T | vent | Desflurane in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_DESFL_ET | 152084 | yes | V T | vent | Desflurane end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_DESFL_INSP | 152168 | yes | V T | vent | Desflurane inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ENFL | 152028 | yes | V T | vent | Enflurane in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ENFL_ET | 152088 | yes | V T | vent | Enflurane end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ENFL_INSP | 152172 | yes | V T | vent | Enflurane inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_HALOTH | 152032 | yes | V T | vent | Halothane in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_HALOTH_ET | 152092 | yes | V T | vent | Halothane end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_HALOTH_INSP | 152176 | yes | V T | vent | Halothane inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_SEVOFL | 152036 | yes | V T | vent | Sevoflurane in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_SEVOFL_INSP | 152180 | yes | V T | vent | Sevoflurane inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ISOFL | 152040 | yes | V T | vent | Isoflurane in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ISOFL_ET | 152100 | yes | V T | vent | Isoflurane end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_ISOFL_INSP | 152184 | yes | V T | vent | Isoflurane inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_N2O | 152048 | yes | V T | vent | N2O in airway | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_N2O_INSP | 152192 | yes | V T Y | vent | N2O inspired | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_N2 | 152444 | yes | V T | vent | N2 in airway | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_N2_ET | 152448 | yes | V T | vent | N2 end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_N2_INSP | 152452 | yes | V T | vent | N2 inspired | - | - | % | MDC_DIM_PERCENT | 0 | 100
MDC_CONC_AWAY_AGENT | 152456 | yes | V T | vent | Anaesthetic agent in airway | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_AGENT_ET | 152460 | yes | V T Y | vent | Anaesthetic agent end-tidal | - | - | % | MDC_DIM_PERCENT | 0 | 30
MDC_CONC_AWAY_AGENT_INSP | 152464 | yes | V T Y | vent | Anaesthetic agent inspired | - | - | % | MDC_DIM_PERCENT | 0 | 30
`;
