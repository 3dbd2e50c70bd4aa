// All images at once: docker buildx bake -f deploy/docker-bake.hcl
// Variables come from the environment: VERSION=1.2.3 PYTHON_IMAGE=python@sha256:… docker buildx bake …

variable "IMAGE_PREFIX" { default = "partner-tools" }
variable "VERSION" { default = "dev" }
variable "REVISION" { default = "unknown" }
variable "CREATED" { default = "1970-01-01T00:00:00Z" }
variable "PYTHON_IMAGE" { default = "python:3.13-slim" }
variable "UV_IMAGE" { default = "ghcr.io/astral-sh/uv:latest" }

group "default" {
  targets = ["service", "tools"]
}

target "_common" {
  context    = "."
  dockerfile = "deploy/Dockerfile"
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    UV_IMAGE     = UV_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
    CREATED      = CREATED
  }
}

target "service" {
  inherits = ["_common"]
  matrix = {
    service = ["clients", "renewals", "notifications", "tiers", "dashboard", "webhooks"]
  }
  name   = service
  target = "service"
  args   = { SERVICE = service }
  tags   = ["${IMAGE_PREFIX}/${service}:${VERSION}"]
}

target "tools" {
  inherits = ["_common"]
  target   = "tools"
  tags     = ["${IMAGE_PREFIX}/tools:${VERSION}"]
}
