/** Style sheets become a file beside the bundle that imports them. */
declare module "*.css";
