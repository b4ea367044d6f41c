/**
 * The only door of the gateway to `node-opcua`: what is not named here is not used. Loading it costs a second and 100 MB,
 * so only opcua.ts and its parts import it, and they are loaded when the first OPC-UA line is opened.
 */
export {
  AttributeIds,
  browseAll,
  BrowseDirection,
  DataChangeNotification,
  DataType,
  defaultClientTransportFactory,
  DiskCertificateKeyPairProvider,
  MessageSecurityMode,
  NodeClass,
  NodeId,
  OPCUACertificateManager,
  OPCUAClient,
  resolveNodeId,
  SecurityPolicy,
  setErrorLogger,
  setWarningLogger,
  StatusCodes,
  TimestampsToReturn,
  UserTokenType,
  VariantArrayType,
} from "node-opcua";
export type {
  ClientSession,
  ClientSubscription,
  DataValue,
  EndpointDescription,
  ICertificateStore,
  IClientTransport,
  NotificationMessage,
  OPCUAClientOptions,
  StatusCode,
} from "node-opcua";
