/**
 * The only door of the gateway to `node-opcua`: what is not named here is not used. It takes the client's packages alone, not the
 * whole, which would bring the server along. Loading it costs half a second and 80 MB, so only opcua.ts and its parts import
 * it, and they are loaded when the first OPC-UA line is opened.
 */
export { OPCUACertificateManager } from "node-opcua-certificate-manager";
export {
  AttributeIds,
  BrowseDirection,
  DataChangeFilter,
  DataChangeNotification,
  DataChangeTrigger,
  DataType,
  DeadbandType,
  MessageSecurityMode,
  MonitoringMode,
  NodeClass,
  NodeId,
  OPCUAClient,
  resolveNodeId,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusChangeNotification,
  StatusCodes,
  TimestampsToReturn,
  UserTokenType,
  VariantArrayType,
} from "node-opcua-client";
export type {
  ClientSession,
  ClientSessionRawSubscriptionService,
  ClientSubscription,
  DataValue,
  EndpointDescription,
  MonitoredItemCreateRequestOptions,
  NotificationMessage,
  OPCUAClientOptions,
  ReferenceDescription,
  StatusCode,
  UserIdentityInfo,
  UserTokenPolicy,
} from "node-opcua-client";
export { defaultClientTransportFactory } from "node-opcua-transport";
export type { IClientTransport } from "node-opcua-transport";
